/* The adapters of this folder, for endpoint_table.c. */
#ifndef FLAMETOP_SOURCES_ADAPTERS_H
#define FLAMETOP_SOURCES_ADAPTERS_H

#include "adapter.h"

extern const struct adapter adapter_agent;
extern const struct adapter adapter_exposition;
extern const struct adapter adapter_glances_3;
extern const struct adapter adapter_glances_4;
extern const struct adapter adapter_json;
extern const struct adapter adapter_netdata;
extern const struct adapter adapter_nginx;
extern const struct adapter adapter_prometheus;
extern const struct adapter adapter_rabbitmq;
extern const struct adapter adapter_victoriametrics;

#endif
