/* What a service manager is told (sd_notify(3)), without its library. */
#ifndef FLAMETOP_NOTIFY_H
#define FLAMETOP_NOTIFY_H

/* Sends "READY=1" and the like to $NOTIFY_SOCKET; nothing without one. */
void notify(const char *state);

/* "RELOADING=1" with the moment, as a manager needs both (systemd.service(5), notify-reload). */
void notify_reloading(void);

#endif
