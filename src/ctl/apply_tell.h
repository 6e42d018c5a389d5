// What others than workers are told of a configuration: where tunnels end, and what is protected.
#pragma once

#include "ctl/mirror.h"

struct config;
struct gateway;

// Of what is in force. What fails is made good by the next change.
void apply_tell(struct gateway *gateway, bool ends, bool policies);

// The addresses at which tunnels end, each once. The caller frees both, whatever comes back: 0 or
// -ENOMEM.
int apply_ends(const struct config *config, struct mirror_local **local, unsigned *locals,
	struct ip_addr **remote, unsigned *remotes);
// The destinations that policies protect; one towards every address is not about where a route
// leads. The caller frees them, whatever comes back: 0 or -ENOMEM.
int apply_protected(const struct config *config, struct ip_prefix **prefix, unsigned *n);
