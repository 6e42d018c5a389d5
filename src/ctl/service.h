// What the service manager (systemd) is told over its socket: that the gateway is ready, that it
// stops, and, as long as all workers make progress, that it is alive. Without a service manager
// nothing is said.
#pragma once

#include "base/error.h"

struct gateway;
struct service;

// Says that the gateway is ready once its loop of events runs, and from then on, four times in each
// interval of the watchdog, that it is alive. 0 or -errno.
int service_start(struct gateway *gateway, struct error *err);
// Says that it is alive, if it is time to. For work that keeps the loop of events waiting for long.
// NULL is fine.
void service_look(struct service *service);
// Says that the gateway stops. To be called while that is there; where nothing has started, nothing
// is said.
void service_stop(struct gateway *gateway);
