/* truecolor.ti compiled, as ncurses takes it from $TERMINFO: Debian 12 has no entry with RGB. Made
 * by
 *
 *   tic -x -o DIR src/ui/truecolor.ti && infocmp -x -Q2 -A DIR flametop-truecolor
 */
#ifndef FLAMETOP_UI_TRUECOLOR_H
#define FLAMETOP_UI_TRUECOLOR_H

#define TRUECOLOR_NAME "flametop-truecolor"

static const char truecolor_entry[] =
    "b64:HgIvAA8ADwBpAbcBZmxhbWV0b3AtdHJ1ZWNvbG9yfGEgdGVybWluYWwgb2YgMjQtYml0IGNvbG91cgAAAQAA"
    "AQAAAAEAAAAAAQFQAAAACAAAABgAAAD_____________________________________________________AAAA"
    "Af__BwD__wAAAgD_____BAAMABAAFAD__x8AMAAyADYAPQD__z8ARgD__0oA__________________9OAFMA__9c"
    "AP_______2EAZgBrAHAA__95AH0A_____4YAjAD_________________________________________________"
    "________________________________________________________________________________________"
    "____________________________kgD_______-bAKQA__-tAP_______________________________7YA____"
    "____wQD___________________________________________________cA_QD_________________________"
    "________________________________________________________________________________________"
    "________________________________________________________________________________________"
    "________________________________________________________________________________________"
    "____________________AwH_________________________________________________________________"
    "______8IAf______________________________________________________________________________"
    "____________________________________________________________________________________EQFk"
    "AQcADQAbW0gbWzJKABtbSwAbW0oAG1slaSVwMSVkRwAbWyVpJXAxJWQ7JXAyJWRIAAoAG1tIABtbPzI1bAAIABtb"
    "PzI1aAAbW0MAG1tBABtbMW0AG1s_MTA0OWgAG1sybQAbWzdtABtbN20AG1s0bQAbWyVwMSVkWAAbW20AG1s_MTA0"
    "OWwAG1syN20AG1syNG0AG1slcDElZEIAG1slcDElZEQAG1slcDElZEMAG1slcDElZEEAG1slaSVwMSVkZAAbWzAl"
    "PyVwNiV0OzElOyU_JXA1JXQ7MiU7JT8lcDIldDs0JTslPyVwMSVwMyV8JXQ7NyU7bQAbWz83aAAbWz83bAAbWzFL"
    "ABtbMzk7NDltABtbJT8lcDElezh9JTwldDMlcDElZCVlMzg7MjslcDElezY1NTM2fSUvJWQ7JXAxJXsyNTZ9JS8l"
    "ezI1NX0lJiVkOyVwMSV7MjU1fSUmJWQlO20AG1slPyVwMSV7OH0lPCV0NCVwMSVkJWU0ODsyOyVwMSV7NjU1MzZ9"
    "JS8lZDslcDElezI1Nn0lLyV7MjU1fSUmJWQ7JXAxJXsyNTV9JSYlZCU7bQAAAgAAAAAAAgAHAAEBAAADAEFYAFJH"
    "QgA=";

#endif
