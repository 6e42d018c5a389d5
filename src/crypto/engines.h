// The engines that exist.
#pragma once

#include "crypto/aead.h"

// Bursts of AES-GCM packets side by side, where the CPU has AVX512, VAES and VPCLMULQDQ.
extern const struct aead_engine engine_vaes;
// The same algorithms where it has AVX2 and no AVX512: small packets two by two, others one by one.
extern const struct aead_engine engine_vaes_avx2;
// intel-ipsec-mb's direct calls: AES-GCM and ChaCha20-Poly1305, SSE to AVX512 by its own dispatch.
extern const struct aead_engine engine_ipsecmb;
// OpenSSL's EVP: slow and independent, the reference that the others are tested against.
extern const struct aead_engine engine_openssl;
// All of them, the preferred ones first.
extern const struct aead_table engines_all;
