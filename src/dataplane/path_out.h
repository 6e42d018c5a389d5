// The outbound path: clear packets from protected ports, through the SPD, into tunnels or past
// them.
#pragma once

#include "dataplane/forward.h"

// The packets of the worker's burst, from a protected port. plain: as classify_frames says.
void path_out(struct worker *w, bool plain);
// The packets of b, which are not for the gateway itself, meet the policies and go where those say.
// one_policy: they are known to meet the same.
void path_out_policies(struct worker *w, struct burst *b, bool one_policy,
	enum forward_family family, enum forward_origin origin);
// Why a policy that was met outbound lets a packet neither into a tunnel nor past it, DROP_NONE
// otherwise.
enum drop_reason path_out_refusal(const struct spd *spd, uint32_t match);
