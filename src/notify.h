/* What a service manager is told (sd_notify(3)), without its library. */
#ifndef FLAMETOP_NOTIFY_H
#define FLAMETOP_NOTIFY_H

/* Sends "READY=1" and the like to $NOTIFY_SOCKET; nothing without one. */
void notify(const char *state);

#endif
