// Writing captures as pcapng, the format of Wireshark (draft-ietf-opsawg-pcapng): Ethernet frames
// of several interfaces, each with its direction and its time in nanoseconds.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct pcapng_frame {
	uint32_t interface; // by the order of pcapng_interface
	uint64_t unix_ns;
	const uint8_t *data;
	uint32_t kept;	 // octets at data
	uint32_t octets; // of the frame
	bool out;
};

// Each: false if file could not be written.
bool pcapng_begin(FILE *file, const char *program);
bool pcapng_interface(FILE *file, const char *name, uint32_t snap);
bool pcapng_frame(FILE *file, const struct pcapng_frame *frame);
