/* truecolor.ti compiled, as ncurses takes it from $TERMINFO: Debian 12 has no entry with RGB. Made
 * by
 *
 *   tic -x -o DIR src/ui/truecolor.ti && infocmp -x -Q2 -A DIR flametop-truecolor
 */
#ifndef FLAMETOP_UI_TRUECOLOR_H
#define FLAMETOP_UI_TRUECOLOR_H

#define TRUECOLOR_NAME "flametop-truecolor"

static const char truecolor_entry[] =
    "b64:HgIvAA8ADwBpAZIBZmxhbWV0b3AtdHJ1ZWNvbG9yfGEgdGVybWluYWwgb2YgMjQtYml0IGNvbG91cgAAAQAA"
    "AQAAAAEAAAAAAQFQAAAACAAAABgAAAD_____________________________________________________AAAA"
    "Af__BwD__wAAAgD_____BAAMABAAFAD__x8AMAAyADYA_____z0A__________________________9EAEkA__9S"
    "AP_______1cAXABhAGYA__9vAHMA_____3wAggD_________________________________________________"
    "________________________________________________________________________________________"
    "_________________________________________4gA_____________________________________5EA____"
    "____nAD__________________________________________________9IA2AD_________________________"
    "________________________________________________________________________________________"
    "________________________________________________________________________________________"
    "________________________________________________________________________________________"
    "____________________3gD_________________________________________________________________"
    "_______jAP______________________________________________________________________________"
    "____________________________________________________________________________________7AA_"
    "AQcADQAbW0gbWzJKABtbSwAbW0oAG1slaSVwMSVkRwAbWyVpJXAxJWQ7JXAyJWRIAAoAG1tIABtbPzI1bAAbWz8y"
    "NWgAG1sxbQAbWz8xMDQ5aAAbWzJtABtbN20AG1s3bQAbWzRtABtbJXAxJWRYABtbbQAbWz8xMDQ5bAAbWzI3bQAb"
    "WzI0bQAbWyVwMSVkQwAbWyVpJXAxJWRkABtbMCU_JXA2JXQ7MSU7JT8lcDUldDsyJTslPyVwMiV0OzQlOyU_JXAx"
    "JXAzJXwldDs3JTttABtbPzdoABtbPzdsABtbMUsAG1szOTs0OW0AG1slPyVwMSV7OH0lPCV0MyVwMSVkJWUzODsy"
    "OyVwMSV7NjU1MzZ9JS8lZDslcDElezI1Nn0lLyV7MjU1fSUmJWQ7JXAxJXsyNTV9JSYlZCU7bQAbWyU_JXAxJXs4"
    "fSU8JXQ0JXAxJWQlZTQ4OzI7JXAxJXs2NTUzNn0lLyVkOyVwMSV7MjU2fSUvJXsyNTV9JSYlZDslcDElezI1NX0l"
    "JiVkJTttAAIAAAAAAAIABwABAQAAAwBBWABSR0IA";

#endif
