// The decapsulation table of RFC 6040, figure 4.
#include "proto/ecn.h"

// clang-format off
const uint8_t ecn_decap[4][4] = {
	[ECN_NOT_ECT] = {[ECN_NOT_ECT] = ECN_NOT_ECT, [ECN_ECT0] = ECN_NOT_ECT,
			 [ECN_ECT1] = ECN_NOT_ECT,    [ECN_CE] = ECN_DROP},
	[ECN_ECT0] =    {[ECN_NOT_ECT] = ECN_ECT0,    [ECN_ECT0] = ECN_ECT0,
			 [ECN_ECT1] = ECN_ECT1,       [ECN_CE] = ECN_CE},
	[ECN_ECT1] =    {[ECN_NOT_ECT] = ECN_ECT1,    [ECN_ECT0] = ECN_ECT1,
			 [ECN_ECT1] = ECN_ECT1,       [ECN_CE] = ECN_CE},
	[ECN_CE] =      {[ECN_NOT_ECT] = ECN_CE,      [ECN_ECT0] = ECN_CE,
			 [ECN_ECT1] = ECN_CE,         [ECN_CE] = ECN_CE},
};
// clang-format on
