"""A dictionary built by hand: buckets and chains."""

import torch

from utils.attempts import probes

from ..exercise import Case, Draw, Exercise, Mistake


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


class _ListsOfKeysAndValues:
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


class _NewestFirst(HashTable):
    def put(self, key, value):
        chain = self._chain(key)
        chain[:] = [(key, value)] + [pair for pair in chain if pair[0] != key]


class _AppendsOnly(HashTable):
    def put(self, key, value):
        self._chain(key).append((key, value))


class _OneEntryPerBucket(HashTable):
    def put(self, key, value):
        self._chain(key)[:] = [(key, value)]


class _ForgetsToCompare(HashTable):
    def get(self, key):
        chain = self._chain(key)
        if not chain:
            raise KeyError(key)
        return chain[0][1]


class _NoneWhenMissing(HashTable):
    def get(self, key):
        for stored, value in self._chain(key):
            if stored == key:
                return value


class _KeyErrorWithoutKey(HashTable):
    def get(self, key):
        try:
            return super().get(key)
        except KeyError:
            raise KeyError("not found") from None


class _NoneMeansMissing(HashTable):
    def get(self, key):
        value = super().get(key)
        if value is None:
            raise KeyError(key)
        return value


class _NoRemainder(HashTable):
    def _chain(self, key):
        return self.buckets[hash(key)]


class _OneListManyTimes(HashTable):
    def __init__(self, buckets=8):
        self.buckets = [[]] * buckets

    def __len__(self):
        return len(self.buckets[0])


class _OneListManyTimesCounted(_OneListManyTimes):
    def __len__(self):
        return sum(len(chain) for chain in self.buckets)


class _SharedBetweenTables(HashTable):
    shared = [[] for _ in range(8)]

    def __init__(self, buckets=8):
        self.buckets = self.shared


class _EightBucketsAlways(HashTable):
    def _chain(self, key):
        return self.buckets[hash(key) % 8]


class _HashOfTheText(HashTable):
    def _chain(self, key):
        return self.buckets[hash(str(key)) % len(self.buckets)]


class _ComparesTexts(HashTable):
    def _chain(self, key):
        return [(str(stored), value) for stored, value in super()._chain(key)]

    def put(self, key, value):
        chain = super()._chain(key)
        chain[:] = [pair for pair in chain if str(pair[0]) != str(key)] + [(key, value)]

    def get(self, key):
        for stored, value in self._chain(key):
            if stored == str(key):
                return value
        raise KeyError(key)


class _ReplacesTheWholeChain(HashTable):
    def put(self, key, value):
        chain = self._chain(key)
        if any(stored == key for stored, _ in chain):
            chain.clear()
        chain.append((key, value))


class _ReplacesTheFirstEntry(HashTable):
    def put(self, key, value):
        chain = self._chain(key)
        if any(stored == key for stored, _ in chain):
            chain.pop(0)
        chain.append((key, value))


class _LooksAtTheFirstEntryOnly(HashTable):
    def put(self, key, value):
        chain = self._chain(key)
        if chain and chain[0][0] == key:
            chain[0] = (key, value)
        else:
            chain.append((key, value))


class _GivesUpAtTheFirst(HashTable):
    def get(self, key):
        for stored, value in self._chain(key):
            if stored == key:
                return value
            raise KeyError(key)
        raise KeyError(key)


class _IndexErrorWhenMissing(HashTable):
    def get(self, key):
        return [value for stored, value in self._chain(key) if stored == key][0]


class _CountsEveryPut(HashTable):
    size = 0

    def put(self, key, value):
        super().put(key, value)
        self.size += 1

    def __len__(self):
        return self.size


class _DictInside:
    def __init__(self, buckets=8):
        self.entries = {}

    def put(self, key, value):
        self.entries[key] = value

    def get(self, key):
        return self.entries[key]

    def __len__(self):
        return len(self.entries)


class _ComparesIdentity(HashTable):
    def put(self, key, value):
        chain = self._chain(key)
        chain[:] = [pair for pair in chain if pair[0] is not key] + [(key, value)]

    def get(self, key):
        for stored, value in self._chain(key):
            if stored is key:
                return value
        raise KeyError(key)


class _ComparesHashes(HashTable):
    def put(self, key, value):
        chain = self._chain(key)
        chain[:] = [pair for pair in chain if hash(pair[0]) != hash(key)] + [(key, value)]

    def get(self, key):
        for stored, value in self._chain(key):
            if hash(stored) == hash(key):
                return value
        raise KeyError(key)


class _CountsBuckets(HashTable):
    def __len__(self):
        return len(self.buckets)


class _CountsUsedBuckets(HashTable):
    def __len__(self):
        return sum(1 for chain in self.buckets if chain)


def _steps_by_lot(generator):
    keys, values = (torch.randint(-30, 30, (200,), generator=generator).tolist() for _ in range(2))
    stored = [("put", key, value) for key, value in zip(keys[:100], values[:100], strict=True)]
    return [*stored, *(("get", key) for key in keys[100:]), ("len",)]


def _values_by_lot(*steps):
    """The steps, with a number of its own for each key that is put."""

    def draw(generator):
        numbers = iter(torch.randperm(1000, generator=generator).tolist())
        return [(*step, next(numbers)) if step[0] == "put" else step for step in steps]

    return Draw(draw)


hash_table = Exercise(
    reference=HashTable,
    probe=probes.hash_table,
    cases=[
        Case("two tables", buckets=8, steps=[("put", "mine", 1), ("new table",), ("get", "mine")]),
        Case("put and get", buckets=8, steps=_values_by_lot(("put", 1), ("put", 2), ("get", 2), ("get", 1), ("len",))),
        Case("a new value for a key", buckets=8, steps=_values_by_lot(("put", 3), ("put", 3), ("get", 3), ("len",))),
        Case("a key that is not there", buckets=8, steps=[("put", 1, "one"), ("get", 9), ("get", 2)]),
        Case(
            "one bucket for all",
            buckets=1,
            steps=_values_by_lot(("put", "a"), ("put", "b"), ("put", "c"), ("get", "a"), ("get", "b"), ("get", "c"), ("len",)),
        ),
        Case(
            "a new value in the middle of a chain",
            buckets=1,
            steps=_values_by_lot(("put", "a"), ("put", "b"), ("put", "c"), ("put", "b"), ("len",), ("get", "b"), ("get", "a"), ("get", "c")),
        ),
        Case(
            "hashes larger than the table, and negative ones",
            buckets=3,
            steps=_values_by_lot(("put", 100), ("put", -7), ("put", (1, 2)), ("get", 100), ("get", -7), ("get", (1, 2))),
        ),
        Case("None as a value", buckets=4, steps=[("put", 5, None), ("get", 5), ("len",)]),
        Case("equal keys of two types", buckets=64, steps=_values_by_lot(("put", 1), ("get", 1.0), ("get", True))),
        Case("keys that only look alike", buckets=1, steps=_values_by_lot(("put", 1), ("put", "1"), ("get", 1), ("len",))),
        Case(
            "equal keys, and keys of the same hash",
            buckets=4,
            steps=_values_by_lot(("put", -1), ("put", -2), ("get", -1), ("put", (7, 8)), ("get", tuple([7, 8])), ("len",)),
        ),
        Case("two hundred steps by lot", buckets=7, steps=Draw(_steps_by_lot)),
        Case("as many buckets as entries", buckets=800, steps=[("compare", 800), ("len",)]),
        Case("what it is made of", buckets=2, steps=[("put", 1, "a"), ("made of",)]),
    ],
    variants=[_ListsOfKeysAndValues, _NewestFirst],
    mistakes=[
        Mistake(_AppendsOnly, "Storing a key twice leaves two entries in the chain. Look for the key first, and replace its value."),
        Mistake(_OneEntryPerBucket, "Two keys in one bucket: the second pushes out the first. A bucket has to hold a chain of pairs."),
        Mistake(_ForgetsToCompare, "The right bucket is not yet the right key: several keys share it, so compare each with the one asked for."),
        Mistake(_NoneWhenMissing, "A key that is not there gives None. Raise `KeyError(key)`: None could be a stored value."),
        Mistake(_KeyErrorWithoutKey, "Your KeyError does not say which key was missing. Who reads it at midnight would like to know."),
        Mistake(_NoneMeansMissing, "None is a value like any other; your table takes it for a missing key."),
        Mistake(_NoRemainder, "A hash can be any integer, larger than your table: the remainder `%` brings it into range."),
        Mistake(_EightBucketsAlways, "You take the hash modulo 8, but a table may have more buckets than that, or fewer: ask how many it has."),
        Mistake(_OneListManyTimes, "A read compares far more keys than one bucket should hold. Is there one list for all of them? `[[]] * buckets` is one list, many times over."),
        Mistake(_OneListManyTimesCounted, "`[[]] * buckets` is one list, many times over, so each entry is counted once per bucket. Make a new list for each."),
        Mistake(_SharedBetweenTables, "Two tables share their entries: the buckets belong to the class. Make them in `__init__`, on `self`."),
        Mistake(_HashOfTheText, "1 and 1.0 are equal keys with the same hash, but their texts differ. Take the hash of the key itself."),
        Mistake(_ComparesTexts, "1 and '1' look alike as text and are different keys. Compare the keys themselves."),
        Mistake(_ReplacesTheWholeChain, "A new value for one key throws its neighbours out of the bucket. Replace that one pair."),
        Mistake(_ReplacesTheFirstEntry, "A new value for one key throws out the first pair of the bucket, whichever key that has. Replace the pair that you found."),
        Mistake(_LooksAtTheFirstEntryOnly, "When you store, you look at the first pair of the chain only: a key further back is stored a second time."),
        Mistake(_GivesUpAtTheFirst, "You give up at the first pair that is not the right one. Raise KeyError after the loop, when all have been seen."),
        Mistake(_IndexErrorWhenMissing, "A key that is not there ends in an IndexError. Raise `KeyError(key)`."),
        Mistake(_CountsEveryPut, "`len` counts how often something was stored. A key that is stored twice counts once."),
        Mistake(_DictInside, "There is a dict or a set inside. It works, and it hides what you are here to build: lists only."),
        Mistake(_ComparesIdentity, "`is` asks whether two keys are one object. Two equal tuples are not; compare with `==`."),
        Mistake(_ComparesHashes, "Different keys may have the same hash: -1 and -2 do. Equal hashes find the bucket, equal keys find the entry."),
        Mistake(_CountsBuckets, "`len` counts your buckets. How many entries are in them?"),
        Mistake(_CountsUsedBuckets, "`len` counts the buckets in use. A bucket may hold more than one entry."),
    ],
    points=3,
)  # fmt: skip
