// What tunnels and SAs of a configuration become: objects that workers can be shown. The gateway
// has a list of all; what no configuration names any more is freed once no worker can see it.
#pragma once

#include "ctl/gateway.h"

// Makes from->live. 0 or -errno.
int live_tunnel(struct gateway *gateway, struct config_tunnel *from, struct error *err);
// Makes sa->live from its key, which is forgotten; sa is one of the tunnel's. 0 or -errno.
int live_sa(struct gateway *gateway, const struct config_tunnel *tunnel, struct config_sa *sa,
	bool inbound, struct error *err);
// Makes sa->live go on where before, an SA with the same key, stands. 0 or -errno.
int live_sa_move(struct gateway *gateway, const struct config_tunnel *tunnel, struct config_sa *sa,
	struct sa *before, struct error *err);
// An SA of the file whose key has come to the end of its life (*away) is left out, which is told:
// other tunnels do not suffer by it. 0 or -errno.
int live_stays_away(struct gateway *gateway, const struct config_tunnel *tunnel,
	const struct config_sa *sa, bool *away, struct error *err);
// Whether live_lease would refuse a key, without leases. 0 or -errno.
int live_check_keys(struct gateway *gateway, const struct config *next, struct error *err);
// What of next's SAs no worker has seen gets its first leases, where its key is in the journal. A
// key that is said to be fresh and has a record there is refused. 0 or -errno: live_sweep has to
// follow.
int live_lease(struct gateway *gateway, const struct config *next, struct error *err);
// Frees what none of the n configurations names; NULL ones name nothing. It must be out of all
// published tables.
void live_sweep(struct gateway *gateway, const struct config *const named[], unsigned n);
// At the end, when no worker runs.
void live_destroy(struct gateway *gateway);
