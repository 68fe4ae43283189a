/* Numbers for people: at most 4 significant digits, a unit, and a fixed width. */
#ifndef FLAMETOP_CORE_UNIT_H
#define FLAMETOP_CORE_UNIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/base/str.h"

/* Formats a value of a UCUM unit: "1" as "42.1 %", "By" as "9.8 GiB", "By/s" as "312 MB/s", "s" as
 * "1.9 s" or "182 ms", "Hz", "Cel", "{thing}" and "{thing}/s" and "" as plain numbers ("12.3 k").
 * NaN is "–" ("-" with ascii). Answers dst. */
char *unit_format(double value, const char *unit, bool ascii, char *dst, size_t size);

/* The same without the unit's text and at most `width` cells: for table columns. */
char *unit_format_short(double value, const char *unit, bool ascii, char *dst, size_t size);

/* "12 d 4 h", "3 h 5 m", "4 m 31 s", "12 s". */
char *unit_format_age(double seconds, char *dst, size_t size);

/* Reads "80%", "0.8", "5s", "5000ms", "512MiB", "3 GB" for a metric or option of the given unit
 * ("1", "s", "By", ""). A bare number for a time and a share above 1 are refused with a sentence
 * that shows both readings. */
bool unit_parse(struct str text, const char *unit, double *ret_value, char *why, size_t why_size);

#endif
