"""A dictionary built by hand: buckets and chains."""

import torch

from utils.attempts.uses import hash_tables

from ..exercise import Case, Draw, Exercise, Mistakes, replacing


class HashTable:
    """A dictionary made of buckets: the hash of a key says which bucket, a chain of pairs in it holds the entries."""

    def __init__(self, buckets=8):
        self.buckets = [[] for _ in range(buckets)]

    def _chain(self, key):
        return self.buckets[hash(key) % len(self.buckets)]

    def put(self, key, value):
        """Store value under key; a key that is there already gets the new value."""
        chain = self._chain(key)
        for i, (stored, _) in enumerate(chain):
            if stored == key:
                chain[i] = (key, value)
                return
        chain.append((key, value))

    def get(self, key):
        """The value stored under key. Raises KeyError naming the key if there is none."""
        for stored, value in self._chain(key):
            if stored == key:
                return value
        raise KeyError(key)

    def __len__(self):
        return sum(len(chain) for chain in self.buckets)


class InSteps(HashTable):
    """The same, in steps that a mistake can replace."""

    def __init__(self, buckets=8):
        self.buckets = self.new_buckets(buckets)

    def new_buckets(self, buckets):
        return [[] for _ in range(buckets)]

    def put(self, key, value):
        chain = self._chain(key)
        place = next((i for i, (stored, _) in enumerate(chain) if self.same(stored, key)), len(chain))
        chain[:] = self.with_pair(chain, place, (key, value))

    def get(self, key):
        values = self.values(key)
        if not values:
            raise self.refusal(key)
        return values[0]

    def same(self, stored, key):
        return stored == key

    def with_pair(self, chain, place, pair):
        """The chain afterwards; place is that of the key, or the end."""
        return [*chain[:place], pair, *chain[place + 1 :]]

    def values(self, key):
        return [value for stored, value in self._chain(key) if self.same(stored, key)]

    def refusal(self, key):
        return KeyError(key)


# Right, and written differently

class ListsOfKeysAndValues:
    def __init__(self, buckets=8):
        self.keys, self.values, self.size = [[] for _ in range(buckets)], [[] for _ in range(buckets)], 0

    def put(self, key, value):
        i = hash(key) % len(self.keys)
        if key in self.keys[i]:
            self.values[i][self.keys[i].index(key)] = value
        else:
            self.keys[i].append(key)
            self.values[i].append(value)
            self.size += 1

    def get(self, key):
        i = hash(key) % len(self.keys)
        if key not in self.keys[i]:
            raise KeyError(f"no entry for {key!r}")
        return self.values[i][self.keys[i].index(key)]

    def __len__(self):
        return self.size

class NewestFirst(HashTable):
    def put(self, key, value):
        chain = self._chain(key)
        chain[:] = [(key, value)] + [pair for pair in chain if pair[0] != key]


# Wrong

but = replacing(InSteps)
mistakes = Mistakes()

mistakes.add("AppendsOnly", but(with_pair=lambda self, chain, place, pair: [*chain, pair]),
    "Storing a key twice leaves two entries in the chain. Look for the key first, and replace its value.")
mistakes.add("OneEntryPerBucket", but(with_pair=lambda self, chain, place, pair: [pair]),
    "Two keys in one bucket: the second pushes out the first. A bucket has to hold a chain of pairs.")
mistakes.add("ForgetsToCompare", but(values=lambda self, key: [value for _, value in self._chain(key)]),
    "The right bucket is not yet the right key: several keys share it, so compare each with the one asked for.")
mistakes.add("NoneWhenMissing", but(get=lambda self, key: next(iter(self.values(key)), None)),
    "A key that is not there gives None. Raise `KeyError(key)`: None could be a stored value.")
mistakes.add("ReturnsTheError",
    but(get=lambda self, key: next(iter(self.values(key)), KeyError(key))),
    "`return KeyError(…)` hands the error over as if it were a value. An error that should stop the reader is raised: `raise`.")
mistakes.add("KeyErrorWithoutKey", but(refusal=lambda self, key: KeyError("not found")),
    "Your KeyError does not say which key was missing. Who reads it at midnight would like to know.")
mistakes.add("NoneMeansMissing",
    but(values=lambda self, key: [value for stored, value in self._chain(key) if stored == key and value is not None]),
    "None is a value like any other; your table takes it for a missing key.")
mistakes.add("NoRemainder", but(_chain=lambda self, key: self.buckets[hash(key)]),
    "A hash can be any integer, larger than your table: the remainder `%` brings it into range.")
mistakes.add("EightBucketsAlways", but(_chain=lambda self, key: self.buckets[hash(key) % 8]),
    "You take the hash modulo 8, but a table may have more buckets than that, or fewer: ask how many it has.")
mistakes.add("OneListManyTimes",
    but(new_buckets=lambda self, buckets: [[]] * buckets, __len__=lambda self: len(self.buckets[0])),
    "A read compares far more keys than one bucket should hold. Is there one list for all of them? `[[]] * buckets` is one list, many times over.")
mistakes.add("OneListManyTimesCounted", but(new_buckets=lambda self, buckets: [[]] * buckets),
    "`[[]] * buckets` is one list, many times over, so each entry is counted once per bucket. Make a new list for each.")
mistakes.add("SharedBetweenTables", but(shared=[[] for _ in range(8)], new_buckets=lambda self, buckets: self.shared),
    "Two tables share their entries: the buckets belong to the class. Make them in `__init__`, on `self`.")
mistakes.add("HashOfTheText", but(_chain=lambda self, key: self.buckets[hash(str(key)) % len(self.buckets)]),
    "1 and 1.0 are equal keys with the same hash, but their texts differ. Take the hash of the key itself.")
mistakes.add("ComparesTexts", but(same=lambda self, stored, key: str(stored) == str(key)),
    "1 and '1' look alike as text and are different keys. Compare the keys themselves.")
mistakes.add("ReplacesTheWholeChain",
    but(with_pair=lambda self, chain, place, pair: [pair] if place < len(chain) else [*chain, pair]),
    "A new value for one key throws its neighbours out of the bucket. Replace that one pair.")
mistakes.add("ReplacesTheFirstEntry",
    but(with_pair=lambda self, chain, place, pair: [*(chain[1:] if place < len(chain) else chain), pair]),
    "A new value for one key throws out the first pair of the bucket, whichever key that has. Replace the pair that you found.")
mistakes.add("LooksAtTheFirstEntryOnly",
    but(with_pair=lambda self, chain, place, pair: [pair, *chain[1:]] if place == 0 else [*chain, pair]),
    "When you store, you look at the first pair of the chain only: a key further back is stored a second time.")
mistakes.add("GivesUpAtTheFirst",
    but(values=lambda self, key: [value for stored, value in self._chain(key)[:1] if stored == key]),
    "You give up at the first pair that is not the right one. Raise KeyError after the loop, when all have been seen.")

@mistakes.program(
    "The first pair with another key ends your search, and an empty bucket gives None. When do you know that a key is not there?")
class RaisesInTheLoop(InSteps):
    def get(self, key):
        for stored, value in self._chain(key):
            if self.same(stored, key):
                return value
            else:  # noqa: RET505 - as people write it
                raise KeyError(key)

mistakes.add("KeyWithoutHash", but(_chain=lambda self, key: self.buckets[key % len(self.buckets)]),
    "`key % …` works for numbers only, and a key may be a word. Its hash is a number.")
mistakes.add("NoListsAtAll", but(new_buckets=lambda self, buckets: [] * buckets),
    "`[] * buckets` is an empty list, whatever `buckets` is: so the table has no bucket. It needs a list of lists.")
mistakes.add("LooksForTheKeyAmongPairs", but(same=lambda self, stored, key: False),
    "Your table never finds a key. A chain holds *pairs*, and a key equals none of them: `key in chain` is always false.")
mistakes.add("KeepsTheOldValue",
    but(with_pair=lambda self, chain, place, pair: [*chain, pair] if place == len(chain) else chain),
    "A key that is stored again keeps its old value. A loop's own variable is not the chain: giving it a value changes nothing there.")

@mistakes.program(
    "Nothing is ever stored: in an empty chain a loop has nothing to go through, so what stands inside it is not run.")
class AppendsInTheLoop(InSteps):
    def put(self, key, value):
        chain = self._chain(key)
        for i, (stored, _) in enumerate(chain):
            if stored == key:
                chain[i] = (key, value)
                return
            chain.append((key, value))

@mistakes.program("Your table makes buckets of its own as it fills. That is a good idea, but here it keeps the buckets it was given.")
class AddsBuckets(InSteps):
    def put(self, key, value):
        super().put(key, value)
        if len(self) > 2 * len(self.buckets):
            pairs = [pair for chain in self.buckets for pair in chain]
            self.buckets = [[] for _ in range(2 * len(self.buckets))]
            for stored, old in pairs:
                super().put(stored, old)

mistakes.add("IndexErrorWhenMissing", but(get=lambda self, key: self.values(key)[0]),
    "A key that is not there ends in an IndexError. Raise `KeyError(key)`.")

@mistakes.program("`len` counts how often something was stored. A key that is stored twice counts once.")
class CountsEveryPut(InSteps):
    size = 0

    def put(self, key, value):
        super().put(key, value)
        self.size += 1

    def __len__(self):
        return self.size

@mistakes.program("There is a dict or a set inside. It works, and it hides what you are here to build: lists only.")
class DictInside:
    def __init__(self, buckets=8):
        self.entries = {}

    def put(self, key, value):
        self.entries[key] = value

    def get(self, key):
        return self.entries[key]

    def __len__(self):
        return len(self.entries)

mistakes.add("ComparesIdentity", but(same=lambda self, stored, key: stored is key),
    "`is` asks whether two keys are one object. Two equal tuples are not; compare with `==`.")
mistakes.add("ComparesHashes", but(same=lambda self, stored, key: hash(stored) == hash(key)),
    "Different keys may have the same hash: -1 and -2 do. Equal hashes find the bucket, equal keys find the entry.")
mistakes.add("CountsBuckets", but(__len__=lambda self: len(self.buckets)),
    "`len` counts your buckets. How many entries are in them?")
mistakes.add("CountsUsedBuckets", but(__len__=lambda self: sum(1 for chain in self.buckets if chain)),
    "`len` counts the buckets in use. A bucket may hold more than one entry.")


def steps_by_lot(generator):
    keys, values = (torch.randint(-30, 30, (200,), generator=generator).tolist() for _ in range(2))
    stored = [("put", key, value) for key, value in zip(keys[:100], values[:100], strict=True)]
    return stored + get(*keys[100:]) + LEN

def with_values_by_lot(steps):
    """The steps, with a number of its own for each key that is put."""

    def draw(generator):
        numbers = iter(torch.randperm(1000, generator=generator).tolist())
        return [(*step, next(numbers)) if step[0] == "put" else step for step in steps]

    return Draw(draw)

def put(*keys):
    return [("put", key) for key in keys]

def get(*keys):
    return [("get", key) for key in keys]


LEN = [("len of", "the table")]
exercise = Exercise(
    reference=HashTable,
    use=hash_tables.hash_table,
    cases=[
        Case("two tables", buckets=8, steps=[("put", "mine", 1), ("go on with", "another table"), ("get", "mine")]),
        Case("put and get", buckets=8, steps=with_values_by_lot(put(1, 2) + get(2, 1) + LEN)),
        Case("a new value for a key", buckets=8, steps=with_values_by_lot(put(3, 3) + get(3) + LEN)),
        Case("a key that is not there", buckets=8, steps=[("put", 1, "one"), ("get", 9), ("get", 2)]),
        Case("one bucket for all",
            buckets=1, steps=with_values_by_lot(put("a", "b", "c") + get("a", "b", "c") + LEN)),
        Case("a new value in the middle of a chain",
            buckets=1, steps=with_values_by_lot(put("a", "b", "c", "b") + LEN + get("b", "a", "c"))),
        Case("hashes larger than the table, and negative ones",
            buckets=3, steps=with_values_by_lot(put(100, -7, (1, 2)) + get(100, -7, (1, 2)))),
        Case("None as a value", buckets=4, steps=[("put", 5, None), ("get", 5), *LEN]),
        Case("equal keys of two types", buckets=64, steps=with_values_by_lot(put(1) + get(1.0, True))),
        Case("keys that only look alike", buckets=1, steps=with_values_by_lot(put(1, "1") + get(1) + LEN)),
        Case("equal keys, and keys of the same hash",
            buckets=4, steps=with_values_by_lot(put(-1, -2) + get(-1) + put((7, 8)) + get(tuple([7, 8])) + LEN)),
        Case("two hundred steps by lot", buckets=7, steps=Draw(steps_by_lot)),
        Case("as many buckets as entries", buckets=800, steps=[("put and get", 800, "keys"), *LEN]),
        Case("the buckets after sixty entries",
            buckets=5, steps=with_values_by_lot(put(*range(60)) + [("look at", "its buckets")])),
        Case("what it is made of", buckets=2, steps=[("put", 1, "a"), ("look at", "its parts")]),
    ],
    variants=[ListsOfKeysAndValues, NewestFirst],
    mistakes=mistakes,
    points=3,
)
