// All engines, in the order in which "auto" tries them.
#include "crypto/engines.h"

const struct aead_table engines_all = {
	.n = 4,
	.engine = {&engine_vaes, &engine_vaes_avx2, &engine_ipsecmb, &engine_openssl},
};
