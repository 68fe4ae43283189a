/* What the YAML reader takes and what it refuses, with the places. */
#include "../check.h"
#include "../../src/config/yaml_tree.h"
#include "flametop/base/buf.h"
#include "flametop/base/macros.h"

#include <stdlib.h>
#include <string.h>

static void
on_error(void *context, struct yaml_place place, const char *why)
{
    buf_printf(context, "%zu:%zu %s\n", place.line, place.column, why);
}

static void
dump(const struct yaml_node *node, struct buf *out)
{
    if (node->kind == YAML_TEXT) {
        buf_printf(out, "%.*s", (int)node->text.n, node->text.p);
        return;
    }
    buf_putc(out, node->kind == YAML_MAPPING ? '{' : '[');
    for (const struct yaml_node *child = node->first; child != NULL; child = child->next) {
        if (node->kind == YAML_MAPPING) {
            buf_printf(out, "%.*s=", (int)child->key.n, child->key.p);
        }
        dump(child, out);
        buf_puts(out, child->next != NULL ? " " : "");
    }
    buf_putc(out, node->kind == YAML_MAPPING ? '}' : ']');
}

static void
check(struct str text, const char *tree, const char *errors)
{
    struct arena arena;
    struct buf out, said;
    arena_init(&arena, (size_t)16 << 20);
    buf_init(&out, 65536);
    buf_init(&said, 65536);
    struct yaml_errors sink = {&said, on_error};
    const struct yaml_node *root = yaml_read(text, &arena, &sink);
    if (root != NULL) {
        dump(root, &out);
    }
    assert_string_equal(out.data != NULL ? out.data : "", tree);
    assert_string_equal(said.data != NULL ? said.data : "", errors);
    buf_done(&out);
    buf_done(&said);
    arena_done(&arena);
}

static void
test_yaml__reads_trees_of_text(void **state)
{
    (void)state;
    static const struct {
        const char *text, *tree, *errors;
    } rows[] = {
        {"", "", ""},
        {"# nothing\n", "", ""},
        {"a: 1\nb: no\n", "{a=1 b=no}", ""},
        {"a:\n  b: [x, 'y z']\n  c: {d: \"\\u00e9\"}\n", "{a={b=[x y z] c={d=é}}}", ""},
        {"a: &x 1\nb: 2\n", "{b=2}", "1:4 anchors (&) are not accepted\n"},
        {"a: &x [1, [2]]\nb: 2\n", "{b=2}", "1:4 anchors (&) are not accepted\n"},
        {"a: *x\nb: 2\n", "{b=2}", "1:4 aliases (*) are not accepted\n"},
        {"a: !!int 1\nb: 2\n", "{b=2}", "1:4 tags (!) are not accepted\n"},
        {"a: 1\n? [x]\n: 2\n", "{a=1}", "2:3 a key must be plain text\n"},
        {"a: 1\n---\nb: 2\n", "{a=1}", "2:1 a second document (---) is not read\n"},
        {"a: 1\nb:\n\tc: 2\n", "{a=1}",
         "3:1 a value cannot begin with this character (quote it; tabs do not indent)\n"},
        {"a: 1\nb: [2\n", "{a=1 b=[2]}", "3:1 did not find expected ',' or ']'\n"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        check(str_from(rows[i].text), rows[i].tree, rows[i].errors);
    }
}

static void
test_yaml__depth_is_bounded(void **state)
{
    (void)state;
    size_t n = 100000;
    char *text = malloc(n);
    assert_non_null(text);
    memset(text, '[', n);
    check((struct str){text, n}, "[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]", "1:17 nested too deeply\n");
    free(text);
}

static void
test_yaml__nodes_are_bounded(void **state)
{
    (void)state;
    struct buf text, said;
    struct arena arena;
    buf_init(&text, (size_t)1 << 20);
    buf_init(&said, 65536);
    arena_init(&arena, (size_t)16 << 20);
    for (size_t i = 0; i < YAML_NODES_MAX; i++) {
        buf_puts(&text, "- x\n");
    }
    struct yaml_errors sink = {&said, on_error};
    assert_non_null(yaml_read((struct str){text.data, text.n}, &arena, &sink));
    assert_string_equal(said.data, "20000:3 the file is too large from here on\n");
    buf_done(&text);
    buf_done(&said);
    arena_done(&arena);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_yaml__reads_trees_of_text),
        cmocka_unit_test(test_yaml__depth_is_bounded),
        cmocka_unit_test(test_yaml__nodes_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
