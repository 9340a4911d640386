"""The hash of keys: every byte and the seed matter, and equal cells are as rare as chance makes them."""

from otlp_verifier.wire._native import lib

SEED = 0x0123_4567_89AB_CDEF


def hash_of(key: bytes, seed: int = SEED) -> int:
    return int(lib.otlpv_hash(key, len(key), seed))


def test_every_bit_of_a_key_changes_its_hash() -> None:
    for length in range(100):
        key = bytes((7 * i + 13) % 251 for i in range(length))
        hashes = {hash_of(key)}
        for at in range(length):
            for bit in range(8):
                hashes.add(hash_of(key[:at] + bytes([key[at] ^ 1 << bit]) + key[at + 1 :]))
        assert len(hashes) == 8 * length + 1


def test_the_length_counts() -> None:
    assert len({hash_of(b"\0" * length) for length in range(200)}) == 200


def test_the_seed_keys_the_hash() -> None:
    for key in (b"", b"a", b"abcd", b"http.method", b"http.response.status_code", b"x" * 33, b"y" * 200):
        assert len({hash_of(key, seed) for seed in range(1000)}) == 1000


def test_no_two_of_many_keys_collide() -> None:
    keys = [f"attribute.{i}".encode() for i in range(50_000)] + [f"{i:x}".encode() for i in range(50_000)]
    assert len({hash_of(key) for key in keys}) == len(keys)


def test_low_bits_spread_as_chance_would() -> None:
    """4,096 keys in 8,192 cells leave 4,969 empty on average, with a standard deviation of 25."""
    for shift in (0, 6, 20, 40):
        cells = {hash_of(f"key.{i}".encode()) >> shift & 8191 for i in range(4096)}
        assert abs(8192 - len(cells) - 4969) < 150


def test_words_that_would_make_a_factor_zero_hide_nothing() -> None:
    """Known constants in a key cannot take the rest of it out of the hash: every factor is keyed."""
    constants = (0x9E3779B97F4A7C15, 0x6A09E667F3BCC909, 0xBB67AE8584CAA73B, 0x3C6EF372FE94F82B)
    for constant in constants:
        word = constant.to_bytes(8, "little")
        for at in range(5):
            words = [b"%08d" % i for i in range(5)]
            words[at] = word
            keys = {
                b"".join([*words[:other], b"%08d" % value, *words[other + 1 :]])
                for other in range(5)
                if other != at
                for value in range(1000, 1050)
            }
            assert len({hash_of(key) for key in keys}) == len(keys)
