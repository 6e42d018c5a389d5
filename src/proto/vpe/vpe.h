// What the files of VPE share.
#pragma once

#include "proto/proto.h"

void vpe_encap(struct sa_out *sa, uint16_t worker, struct burst *b, uint16_t first, uint16_t n,
	struct aead_batch *batch);
void vpe_decap(struct sa_in *sa, uint16_t worker, struct burst *b, uint16_t first, uint16_t n,
	struct aead_batch *batch);
bool vpe_finish(struct sa_in *sa, uint16_t worker, struct burst *b, uint16_t first, uint16_t n);
void vpe_commit(struct sa_in *sa, uint16_t worker, struct burst *b, uint16_t first, uint16_t n);
