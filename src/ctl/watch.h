// What the control thread looks at by the clock: lifetimes of SAs, their sequence numbers, links,
// and auditable events, for those who listen.
#pragma once

#include "base/error.h"

struct gateway;
struct watch;

int watch_create(struct gateway *gateway, struct watch **created, struct error *err);
// NULL is fine.
void watch_destroy(struct watch *watch);
