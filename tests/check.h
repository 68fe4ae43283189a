/* cmocka with the headers it needs, in the order it needs them. */
#ifndef FLAMETOP_TESTS_CHECK_H
#define FLAMETOP_TESTS_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
