"""What chapter 08 tells of models that it does not train."""
