/* CRC-32C by its known answers, the map against a plain array. */
#include "../check.h"

#include <string.h>

#include "flametop/base/hash.h"
#include "flametop/base/macros.h"

/* RFC 3720, appendix B.4, and the check value of the catalogue of CRCs. */
static void
test_hash__crc32c_gives_the_known_answers(void **state)
{
    (void)state;
    unsigned char zeros[32] = {0}, ones[32], up[32], down[32];
    memset(ones, 0xff, sizeof(ones));
    for (unsigned char i = 0; i < 32; i++) {
        up[i] = i;
        down[i] = (unsigned char)(31 - i);
    }
    assert_int_equal(hash_crc32c(0, "123456789", 9), 0xE3069283);
    assert_int_equal(hash_crc32c(0, zeros, 32), 0x8A9136AA);
    assert_int_equal(hash_crc32c(0, ones, 32), 0x62A8AB43);
    assert_int_equal(hash_crc32c(0, up, 32), 0x46DD794E);
    assert_int_equal(hash_crc32c(0, down, 32), 0x113FDB5C);
    assert_int_equal(hash_crc32c(0, "", 0), 0);
    for (size_t cut = 0; cut <= 9; cut++) {
        uint32_t crc = hash_crc32c(0, "123456789", cut);
        assert_int_equal(hash_crc32c(crc, "123456789" + cut, 9 - cut), 0xE3069283);
    }
}

static void
test_hash__depends_on_every_byte_and_the_length(void **state)
{
    (void)state;
    unsigned char bytes[40] = {0};
    uint64_t seen[80];
    for (size_t n = 0; n < 40; n++) {
        seen[n] = hash_bytes(bytes, n);
        bytes[n] = 1;
        seen[40 + n] = hash_bytes(bytes, 40);
        bytes[n] = 0;
    }
    for (size_t i = 0; i < ARRAY_SIZE(seen); i++) {
        for (size_t j = 0; j < i; j++) {
            assert_true(seen[i] != seen[j]);
        }
    }
    assert_true(hash_text("abc") == hash_bytes("abc", 3));
}

#define KEYS 512

static uint64_t
next_random(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return *seed >> 33;
}

static void
test_hash__the_map_does_what_an_array_does(void **state)
{
    (void)state;
    static char values[16];
    void *model[KEYS] = {NULL};
    size_t count = 0;
    uint64_t seed = 1;
    struct map map;
    map_init(&map, 300);
    assert_null(map_get(&map, 5));
    assert_null(map_remove(&map, 5));
    for (unsigned step = 0; step < 200000; step++) {
        uint64_t key = next_random(&seed) % KEYS, what = next_random(&seed) % 5;
        if (what < 3) {
            void *value = &values[next_random(&seed) % sizeof(values)];
            bool fits = model[key] != NULL || count < 300;
            assert_int_equal(map_put(&map, key, value), fits);
            count += fits && model[key] == NULL;
            model[key] = fits ? value : model[key];
        } else if (what == 3) {
            assert_ptr_equal(map_remove(&map, key), model[key]);
            count -= model[key] != NULL;
            model[key] = NULL;
        } else {
            assert_ptr_equal(map_get(&map, key), model[key]);
        }
        assert_int_equal(map.count, count);
    }
    size_t at = 0, walked = 0;
    uint64_t key;
    void *value;
    while ((value = map_next(&map, &at, &key)) != NULL) {
        assert_ptr_equal(value, model[key]);
        walked++;
    }
    assert_int_equal(walked, count);
    map_clear(&map);
    assert_true(map.count == 0 && map_get(&map, 1) == NULL);
    map_done(&map);
}

static void
test_hash__a_full_map_stays_small(void **state)
{
    (void)state;
    struct map map;
    map_init(&map, 12);
    for (uint64_t key = 0; key < 1000; key++) {
        assert_int_equal(map_put(&map, key, &map), key < 12);
    }
    for (uint64_t i = 0; i < 1000; i++) {
        assert_true(map_put(&map, i % 12, &map)); /* setting again takes no room */
    }
    assert_true(map.capacity <= 32);
    map_done(&map);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hash__crc32c_gives_the_known_answers),
        cmocka_unit_test(test_hash__depends_on_every_byte_and_the_length),
        cmocka_unit_test(test_hash__the_map_does_what_an_array_does),
        cmocka_unit_test(test_hash__a_full_map_stays_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
