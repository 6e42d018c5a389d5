// ICMP's questions whether somebody is there, and the answers (RFC 792, RFC 4443 section 4): by
// which a tunnel's liveness is found out.
#pragma once

#include "base/addr.h"
#include "proto/burst.h"

#define ICMP_ECHO_NONCE 16
// A question, with its IP header.
#define ICMP_ECHO_MAX 64

struct icmp_echo {
	struct ip_addr source; // of one family
	struct ip_addr destination;
	bool question; // else an answer
	uint16_t id;
	uint16_t seq;
	uint8_t nonce[ICMP_ECHO_NONCE];
};

// A question or an answer, whole. header: of a packet whose IP header is sound, of which this many
// octets are here, and whose upper layer is as `packet` says.
bool icmp_is_echo(const uint8_t *header, uint32_t octets, const struct packet *packet);

// Writes a question to out, ICMP_ECHO_MAX octets of room, and returns its octets.
size_t icmp_echo_write(const struct icmp_echo *echo, uint8_t *out);

// Reads a packet that begins with its IP header. false: it is no echo, or a fragment. The nonce is
// zero where the data are of another length.
bool icmp_echo_read(const uint8_t *header, uint32_t octets, struct icmp_echo *echo);

// Makes a question that icmp_echo_read has read, with nothing between IP header and ICMP, its own
// answer. false: it has options or extension headers, and nothing has changed.
bool icmp_echo_turn(uint8_t *header, uint32_t octets);
