/* Readable names of C++ and of Rust (its older form, _ZN…17h…E): the qualified name alone, with <…>
 * for template arguments and without those of the function.
 *
 * Our own, as far as that goes: demanglers that are libraries make gigabytes out of short names
 * that are made for it, and any container's files are read here. This one takes time and room by
 * the length of the name. What it does not understand stays as it is. */
#ifndef FLAMETOP_SRC_PROFILE_DEMANGLE_H
#define FLAMETOP_SRC_PROFILE_DEMANGLE_H

#include "flametop/base/str.h"

#define DEMANGLED_BYTES 1024

/* The readable name, in dst; `name` itself where it has none, or no room. */
struct str demangle(struct str name, char dst[DEMANGLED_BYTES]);

#endif
