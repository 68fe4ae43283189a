/* Records of the kernel's rings, and the profile that their samples make. */
#include "../check.h"

#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../src/profile/ring_record.h"
#include "../../src/profile/stacks.h"
#include "flametop/base/buf.h"
#include "flametop/base/macros.h"

#define KERNEL ((uint64_t)PERF_CONTEXT_KERNEL)
#define USER ((uint64_t)PERF_CONTEXT_USER)

/* ---- records as the kernel writes them ---- */

static void
begin_record(struct buf *out, uint32_t type, uint16_t misc)
{
    buf_clear(out);
    buf_put_u32(out, type);
    buf_put_u16(out, misc);
    buf_put_u16(out, 0);
}

static struct ring_record
end_record(struct buf *out)
{
    struct ring_record record;
    uint16_t size = (uint16_t)out->n;
    memcpy(out->data + 6, &size, sizeof(size));
    assert_int_equal(ring_record_read((struct str){out->data, out->n}, &record), out->n);
    return record;
}

static void
put_trailer(struct buf *out, uint32_t pid, uint32_t tid, uint64_t time)
{
    buf_put_u32(out, pid);
    buf_put_u32(out, tid);
    buf_put_u64(out, time);
}

static void
put_text(struct buf *out, const char *text)
{
    static const char zeros[8] = {0};
    size_t n = strlen(text) + 1;
    buf_add(out, text, n);
    buf_add(out, zeros, (8 - n % 8) % 8);
}

static struct ring_record
sample(struct buf *out, uint32_t pid, uint32_t tid, const uint64_t *chain, size_t count)
{
    begin_record(out, PERF_RECORD_SAMPLE, 0);
    buf_put_u32(out, pid);
    buf_put_u32(out, tid);
    buf_put_u64(out, 77);
    buf_put_u64(out, 1000);
    buf_put_u64(out, count);
    for (size_t i = 0; i < count; i++) {
        buf_put_u64(out, chain[i]);
    }
    return end_record(out);
}

static struct ring_record
comm(struct buf *out, uint32_t pid, uint32_t tid, const char *name, bool exec)
{
    begin_record(out, PERF_RECORD_COMM, exec ? PERF_RECORD_MISC_COMM_EXEC : 0);
    buf_put_u32(out, pid);
    buf_put_u32(out, tid);
    put_text(out, name);
    put_trailer(out, pid, tid, 5);
    return end_record(out);
}

static struct ring_record
map(struct buf *out, uint32_t pid, uint64_t start, uint64_t size, uint64_t offset, const char *path)
{
    begin_record(out, PERF_RECORD_MMAP2, 0);
    buf_put_u32(out, pid);
    buf_put_u32(out, pid);
    buf_put_u64(out, start);
    buf_put_u64(out, size);
    buf_put_u64(out, offset);
    buf_put_u32(out, 8);
    buf_put_u32(out, 1);
    buf_put_u64(out, 99);
    buf_put_u64(out, 0);
    buf_put_u32(out, PROT_READ | PROT_EXEC);
    buf_put_u32(out, 0);
    put_text(out, path);
    put_trailer(out, pid, pid, 6);
    return end_record(out);
}

static void
test_ring_record__reads_each_kind(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 4096);
    uint64_t chain[] = {KERNEL, 0xffffffff81000010, USER, 0x401010};
    struct ring_record record = sample(&out, 12, 13, chain, ARRAY_SIZE(chain));
    assert_int_equal(record.kind, RING_SAMPLE);
    assert_int_equal(record.pid, 12);
    assert_int_equal(record.tid, 13);
    assert_int_equal(record.time, 77);
    assert_int_equal(record.period, 1000);
    assert_int_equal(ring_chain_count(&record), 4);
    assert_int_equal(ring_chain_at(&record, 3), 0x401010);

    record = comm(&out, 12, 13, "worker", true);
    assert_int_equal(record.kind, RING_COMM);
    assert_true(str_is(record.text, "worker"));
    assert_true(record.exec);
    assert_int_equal(record.time, 5);

    record = map(&out, 12, 0x400000, 0x2000, 0x1000, "/usr/bin/x");
    assert_int_equal(record.kind, RING_MAP);
    assert_true(str_is(record.text, "/usr/bin/x"));
    assert_true(record.executable);
    assert_int_equal(record.inode, 99);
    assert_int_equal(record.offset, 0x1000);

    begin_record(&out, PERF_RECORD_LOST, 0);
    buf_put_u64(&out, 1);
    buf_put_u64(&out, 42);
    put_trailer(&out, 0, 0, 9);
    record = end_record(&out);
    assert_int_equal(record.kind, RING_LOST);
    assert_int_equal(record.lost, 42);
    buf_done(&out);
}

/* A length beyond the bytes there are is no record; a chain longer than its record is not read. */
static void
test_ring_record__believes_no_length(void **state)
{
    (void)state;
    struct buf out;
    struct ring_record record;
    buf_init(&out, 4096);
    uint64_t chain[] = {USER, 0x401010};
    sample(&out, 1, 1, chain, ARRAY_SIZE(chain));
    for (size_t n = 0; n < out.n; n++) {
        assert_int_equal(ring_record_read((struct str){out.data, n}, &record), 0);
    }
    uint64_t many = UINT64_MAX / 8;
    memcpy(out.data + 32, &many, sizeof(many));
    assert_int_equal(ring_record_read((struct str){out.data, out.n}, &record), out.n);
    assert_int_equal(record.kind, RING_OTHER);
    begin_record(&out, PERF_RECORD_MMAP2, 0);
    record = end_record(&out);
    assert_int_equal(record.kind, RING_OTHER);
    uint16_t none = 0;
    memcpy(out.data + 6, &none, sizeof(none));
    assert_int_equal(ring_record_read((struct str){out.data, out.n}, &record), 0);
    buf_done(&out);
}

/* ---- stacks ---- */

static void
write_file(const char *folder, const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

/* A /proc with a kernel that has two functions, and nobody in it. */
static void
make_proc(char folder[64])
{
    snprintf(folder, 64, "/tmp/flametop-stacks-XXXXXX");
    assert_non_null(mkdtemp(folder));
    write_file(folder, "kallsyms",
               "ffffffff81000000 T sys_write\nffffffff81001000 T entry\nffffffff81002000 T end\n");
}

static void
remove_proc(const char *folder)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/kallsyms", folder);
    unlink(path);
    rmdir(folder);
}

/* What was measured in a stack by its names; -1: there is none. */
static double
value(const struct stacks *stacks, const char *names, unsigned measure)
{
    const struct profile *profile = stacks_profile(stacks);
    struct str rest = str_from(names), part;
    uint32_t node = 0;
    while (str_until(&rest, ';', &part)) {
        uint32_t found = 0;
        for (uint32_t i = 1; i < profile->node_count; i++) {
            const struct profile_frame *frame = &profile->frames[profile->frame[i]];
            if (profile->parent[i] == node && str_is(part, frame->name)) {
                found = i;
            }
        }
        if (found == 0) {
            return -1;
        }
        node = found;
    }
    return profile->values[0][measure] != NULL ? profile->values[0][measure][node] : 0;
}

static void
test_stacks__begin_with_the_thread_and_end_in_the_kernel(void **state)
{
    (void)state;
    char proc[64];
    struct buf out;
    struct ring_record record;
    make_proc(proc);
    buf_init(&out, 4096);
    struct stacks_options options = {.proc = proc, .pid = 12, .depth_max = 127};
    struct stacks *stacks = stacks_new(&options);
    record = comm(&out, 12, 13, "worker", false);
    stacks_add(stacks, &record);
    record = map(&out, 12, 0x400000, 0x2000, 0, "/nowhere/prog");
    stacks_add(stacks, &record);
    record = comm(&out, 12, 12, "prog", true);
    stacks_add(stacks, &record);
    record = map(&out, 12, 0x400000, 0x2000, 0, "/nowhere/prog");
    stacks_add(stacks, &record);
    /* the caller goes on at the beginning of what follows it: it is the function before */
    uint64_t chain[] = {KERNEL, 0xffffffff81000000, 0xffffffff81002000, USER, 0x401000};
    record = sample(&out, 12, 13, chain, ARRAY_SIZE(chain));
    stacks_add(stacks, &record);
    stacks_add(stacks, &record);
    record = sample(&out, 99, 99, chain, ARRAY_SIZE(chain)); /* of another process */
    stacks_add(stacks, &record);
    assert_int_equal(stacks_counts(stacks)->samples, 2);
    assert_true(value(stacks, "worker;[prog];entry;sys_write", 0) == 2000);
    assert_true(value(stacks, "worker;[prog];entry;sys_write", 1) == 2);
    assert_false(stacks_counts(stacks)->kernel_hidden);
    stacks_free(stacks);
    buf_done(&out);
    remove_proc(proc);
}

static void
test_stacks__say_what_is_missing(void **state)
{
    (void)state;
    char proc[64];
    struct buf out;
    make_proc(proc);
    buf_init(&out, 4096);
    struct stacks_options options = {.proc = proc, .pid = 0, .depth_max = 3, .cycles = true};
    struct stacks *stacks = stacks_new(&options);
    struct ring_record record = comm(&out, 7, 7, "prog", true);
    stacks_add(stacks, &record);
    record = map(&out, 7, 0x400000, 0x2000, 0, "/nowhere/prog");
    stacks_add(stacks, &record);
    uint64_t deep[] = {USER, 0x400010, 0x400020, 0x400030};
    record = sample(&out, 7, 7, deep, ARRAY_SIZE(deep));
    stacks_add(stacks, &record);
    assert_true(value(stacks, "prog;[truncated stack];[prog];[prog];[prog]", 1) == 1);
    uint64_t broken[] = {USER, 0x400010, 0xdead, 0x400030};
    record = sample(&out, 7, 7, broken, ARRAY_SIZE(broken));
    stacks_add(stacks, &record);
    assert_true(value(stacks, "prog;[unknown];[prog]", 1) == 1);
    assert_int_equal(stacks_counts(stacks)->truncated, 1);
    assert_int_equal(stacks_counts(stacks)->broken, 1);
    uint64_t idle[] = {KERNEL, 0xffffffff81000000};
    record = sample(&out, 0, 0, idle, ARRAY_SIZE(idle));
    stacks_add(stacks, &record);
    assert_int_equal(stacks_counts(stacks)->samples, 2);
    assert_string_equal(stacks_profile(stacks)->measures[0].name, "cycles");
    stacks_free(stacks);
    buf_done(&out);
    remove_proc(proc);
}

static struct ring_record
fork_of(struct buf *out, uint32_t pid, uint32_t parent)
{
    begin_record(out, PERF_RECORD_FORK, 0);
    buf_put_u32(out, pid);
    buf_put_u32(out, parent);
    buf_put_u32(out, pid);
    buf_put_u32(out, parent);
    buf_put_u64(out, 8);
    put_trailer(out, parent, parent, 8);
    return end_record(out);
}

/* Over before anybody could look at it: it runs what its parent does. */
static void
test_stacks__a_child_has_its_parents_code_and_name(void **state)
{
    (void)state;
    char proc[64];
    struct buf out;
    make_proc(proc);
    buf_init(&out, 4096);
    struct stacks_options options = {.proc = proc};
    struct stacks *stacks = stacks_new(&options);
    struct ring_record record = comm(&out, 7, 7, "server", true);
    stacks_add(stacks, &record);
    record = map(&out, 7, 0x400000, 0x2000, 0, "/nowhere/server");
    stacks_add(stacks, &record);
    record = fork_of(&out, 8, 7);
    stacks_add(stacks, &record);
    uint64_t chain[] = {USER, 0x400010};
    record = sample(&out, 8, 8, chain, ARRAY_SIZE(chain));
    stacks_add(stacks, &record);
    assert_true(value(stacks, "server;[server]", 1) == 1);
    stacks_free(stacks);
    buf_done(&out);
    remove_proc(proc);
}

static void
test_profile__a_copy_is_the_same_and_stays(void **state)
{
    (void)state;
    struct profile *profile = profile_new();
    uint32_t measure = profile_measure(profile, STR("samples"), "", 1);
    uint32_t a = profile_child(profile, 0, profile_frame(profile, STR("a"), STR("/bin/x")));
    profile_put(profile, a, measure, 3);
    struct profile *copy = profile_copy(profile);
    for (unsigned i = 0; i < 3000; i++) {
        char name[16];
        int n = snprintf(name, sizeof(name), "f%u", i);
        uint32_t frame = profile_frame(profile, (struct str){name, (size_t)n}, STR(""));
        profile_put(profile, profile_child(profile, a, frame), measure, 1);
    }
    profile_put(profile, a, measure, 4);
    profile_release(profile);
    assert_int_equal(copy->node_count, 2);
    assert_int_equal(copy->frame_count, 1);
    assert_string_equal(copy->frames[0].name, "a");
    assert_string_equal(copy->frames[0].module, "/bin/x");
    assert_true(copy->values[0][0][1] == 3);
    profile_release(copy);
}

static void
test_profile__a_limit_puts_weights_at_the_caller(void **state)
{
    (void)state;
    struct profile *profile = profile_new();
    profile->node_max = 2;
    uint32_t measure = profile_measure(profile, STR("samples"), "", 1);
    uint32_t a = profile_child(profile, 0, profile_frame(profile, STR("a"), STR("")));
    uint32_t b = profile_child(profile, a, profile_frame(profile, STR("b"), STR("")));
    assert_int_equal(a, 1);
    assert_int_equal(b, a);
    profile_put(profile, b, measure, 1);
    assert_int_equal(profile->cut, 1);
    profile_release(profile);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ring_record__reads_each_kind),
        cmocka_unit_test(test_ring_record__believes_no_length),
        cmocka_unit_test(test_stacks__begin_with_the_thread_and_end_in_the_kernel),
        cmocka_unit_test(test_stacks__say_what_is_missing),
        cmocka_unit_test(test_stacks__a_child_has_its_parents_code_and_name),
        cmocka_unit_test(test_profile__a_copy_is_the_same_and_stays),
        cmocka_unit_test(test_profile__a_limit_puts_weights_at_the_caller),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
