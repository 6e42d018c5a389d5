// All engines, in the order in which "auto" tries them.
#include "crypto/engines.h"

const struct aead_table engines_all = {
	.n = 3,
	.engine = {&engine_vaes, &engine_ipsecmb, &engine_openssl},
};
