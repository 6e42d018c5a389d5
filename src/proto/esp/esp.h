// What the files of ESP share.
#pragma once

#include "proto/proto.h"

void esp_encap(struct sa_out *sa, uint16_t worker, struct burst *b, uint16_t first, uint16_t n,
	struct aead_batch *batch);
void esp_decap(struct sa_in *sa, uint16_t worker, struct burst *b, uint16_t first, uint16_t n,
	struct aead_batch *batch);
void esp_finish(struct sa_in *sa, uint16_t worker, struct burst *b, uint16_t first, uint16_t n);
void esp_commit(struct sa_in *sa, uint16_t worker, struct burst *b, uint16_t first, uint16_t n);

// The 64-bit sequence number that a received low half most likely has, given the window's top and
// its size in packets (RFC 4303 appendix A2.2).
uint64_t esp_guess_seq(uint64_t top, uint32_t size, uint32_t low);
