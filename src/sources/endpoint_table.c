/* All adapters, in the order in which what they recognise counts: the general ones last. */
#include "adapters.h"
#include "flametop/base/macros.h"

const struct adapter *const adapter_table[] = {
    &adapter_agent,      &adapter_glances_4, &adapter_glances_3,
    &adapter_netdata,    &adapter_rabbitmq,  &adapter_victoriametrics,
    &adapter_prometheus, &adapter_nginx,     &adapter_exposition,
    &adapter_json,
};
const size_t adapter_table_count = ARRAY_SIZE(adapter_table);
