// What is measured on a gateway on memory ports: one kind of packet in one direction.
#pragma once

#include "bench/rig.h"
#include "bench/samples.h"

struct path_case {
	struct rig_frames frames;
	bool io_only;		      // receive and transmit, nothing between
	struct samples samples;	      // TSC cycles per packet
	struct samples stage[STAGES]; // likewise; empty unless asked for
};

// 0 or -ENOMEM.
int path_case_init(struct path_case *c, unsigned samples, bool stages);
void path_case_free(struct path_case *c);

// "vpe", "esp", "clear"; of I/O alone "".
const char *path_case_protocol(const struct path_case *c);
// "encrypt", "decrypt"; of clear packets "out", "in"; "I/O only".
const char *path_case_direction(const struct path_case *c);

// So many fresh packets, timed from the receive ring to the transmit ring; once more where the
// kernel ran something else meanwhile. 0 or -errno.
int path_case_sample(struct rig *rig, struct path_case *c, unsigned packets, struct error *err);
