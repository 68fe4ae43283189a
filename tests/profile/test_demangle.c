/* Names of C++ and Rust. */
#include "../check.h"

#include <string.h>

#include "../../src/profile/demangle.h"
#include "flametop/base/macros.h"

static void
check(const char *name, const char *expected)
{
    char text[DEMANGLED_BYTES];
    struct str found = demangle(str_from(name), text);
    if (!str_is(found, expected)) {
        fail_msg("%s is %.*s, not %s", name, (int)found.n, found.p, expected);
    }
}

static void
test_demangle__reads_names_of_cpp(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"_Z3foov", "foo"},
        {"_ZN3foo3barEv", "foo::bar"},
        {"_ZNK3foo3barEv", "foo::bar"},
        {"_Z3fooIiEvT_", "foo<…>"},
        {"_ZN3FooIiEC1Ev", "Foo<…>::Foo"},
        {"_ZN3FooD2Ev", "Foo::~Foo"},
        {"_ZNK3FooeqERKS_", "Foo::operator=="},
        {"_ZN3FoocvbEv", "_ZN3FoocvbEv"},
        {"_ZnwmPv", "operator new"},
        {"_ZSt4sortIPiEvT_S1_", "std::sort<…>"},
        {"_ZNSt6vectorIiSaIiEE9push_backEOi", "std::vector<…>::push_back"},
        {"_ZNSs6appendEPKc", "std::string::append"},
        {"_ZN1aILi5ELb1EE1bEv", "a<…>::b"},
        {"_ZN1aILN1b1cE2EE1dEv", "a<…>::d"},
        {"_ZN1aIN1b1cIjEEE1dB5cxx11Ev", "a<…>::d"},
        {"_ZN6detailL4sprpEyy", "detail::sprp"},
        {"_ZL6staticv", "static"},
        {"_ZN2v88internal12_GLOBAL__N_16InvokeEPNS0_7IsolateERKNS1_12InvokeParamsE",
         "v8::internal::(anonymous)::Invoke"},
        {"_ZN2v88internal8Snapshot10InitializeEPNS0_7IsolateE.part.0",
         "v8::internal::Snapshot::Initialize [part.0]"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        check(rows[i][0], rows[i][1]);
    }
}

static void
test_demangle__reads_names_of_rust(void **state)
{
    (void)state;
    check("_ZN4core3fmt5write17h0123456789abcdefE", "core::fmt::write");
    check("_ZN58_$LT$alloc..string..String$u20$as$u20$core..fmt..Debug$GT$3fmt17h0123456789abcdefE",
          "<alloc::string::String as core::fmt::Debug>::fmt");
}

static void
test_demangle__leaves_what_it_does_not_know(void **state)
{
    (void)state;
    static const char *const names[] = {
        "",
        "main",
        "_Z",
        "_ZN",
        "_ZNE",
        "_ZN3fo",
        "_ZN99999999999999999999foo",
        "_ZN0E",
        "_ZZ4mainENKUlvE_clEv",
        "_ZTV3Foo",
        "_ZN1aIXsr1bE1cEE1dEv",
        "_ZN1aILNLNLNLN1b1cE2EE1dEv",
        "_ZN1aIIIIIIII",
        "_RNvC6_123foo3bar",
        "_ZN1aIE",
    };
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        check(names[i], names[i]);
    }
    char text[DEMANGLED_BYTES], longest[4 * DEMANGLED_BYTES];
    memset(longest, 'a', sizeof(longest));
    memcpy(longest, "_ZN2000", 7);
    struct str name = {longest, sizeof(longest)};
    assert_ptr_equal(demangle(name, text).p, longest);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_demangle__reads_names_of_cpp),
        cmocka_unit_test(test_demangle__reads_names_of_rust),
        cmocka_unit_test(test_demangle__leaves_what_it_does_not_know),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
