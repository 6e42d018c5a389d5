// What a port receives: an endless stream of packets, of which each queue has its share. Addresses,
// SPIs and keys are fixed so that whoever configures the program under test knows them (README.md
// in this directory's parent). The keys are known to everyone: for measuring only.
#pragma once

#include <rte_mbuf.h>
#include <stdbool.h>
#include <stdint.h>

#define STREAM_BURST_MAX 256
#define STREAM_SAS_MAX 65536
#define STREAM_FLOWS_MAX (1 << 20)

enum stream_kind { STREAM_NONE, STREAM_PLAIN, STREAM_ESP, STREAM_VPE };

struct stream_params {
	enum stream_kind kind;
	uint16_t frame_octets; // of the clear frame, Ethernet header included, no FCS
	uint32_t flows;
	uint32_t sas;	    // flow f belongs to SA f % sas
	uint8_t family;	    // of the inner packets: 4 or 6
	uint8_t key_octets; // 16, 24, 32: AES-GCM
	uint8_t copies;	    // how often each sequence number is sent: 1
	bool clear;	    // not sealed, for a program whose engine does nothing
	bool random;	    // flows at random, else in turn
	uint16_t queues;    // receive queues that share the stream
	uint8_t mac[6];	    // the port's
};

struct stream;

// Queue's share of the stream; nothing at all where the share is empty (ESP keeps an SA on one
// queue, as receive-side scaling does). 0 or -errno. Control thread.
int stream_create(const struct stream_params *params, uint16_t queue, struct stream **created);
void stream_destroy(struct stream *stream);

bool stream_is_empty(const struct stream *stream);
uint16_t stream_frame_octets(const struct stream *stream); // of the frame as it is received
uint32_t stream_packet_type(const struct stream *stream);

// Writes the next n frames, n <= STREAM_BURST_MAX, into buffers at RTE_PKTMBUF_HEADROOM.
void stream_write(struct stream *stream, struct rte_mbuf *const m[], uint16_t n);
