// Every way a packet can end here: one row gives the enum, the counter, the text in vpectl and the
// metric label. There is no shared "other": each place that drops has a reason of its own.
#pragma once

#include <stdint.h>

// Reasons that are known only once an SA is known: also counted per SA.
// clang-format off
#define DROP_SA_REASONS(X) \
	X(runt,               "outer payload shorter than the protocol's headers") \
	X(vpe_id_zero,        "VPE ID word is zero") \
	X(seq_zero,           "sequence number zero") \
	X(seq_max,            "sequence number 2^64-1") \
	X(sender_unknown,     "Sender ID not accepted by the SA") \
	X(sa_outer_address,   "outer addresses are not the SA's") \
	X(window_table_full,  "SA has no slot left for a new replay window") \
	X(window_pool_empty,  "pool of replay windows is used up") \
	X(icv_failed,         "authentication failed") \
	X(replay_old,         "sequence number left of the replay window") \
	X(replay_seen,        "sequence number already seen") \
	X(fill,               "fill packet (VPE) ended as meant") \
	X(dummy,              "dummy packet (ESP next header 59) ended as meant") \
	X(esp_length,         "ESP ciphertext is no multiple of 4 octets") \
	X(esp_pad_length,     "ESP pad length longer than the payload") \
	X(esp_padding,        "ESP padding octets are not 1, 2, 3 ...") \
	X(esp_next_header,    "ESP next header is not IPv4, IPv6 or dummy, or not what follows") \
	X(inner_version,      "inner datagram is neither IPv4 nor IPv6") \
	X(inner_runt,         "inner datagram shorter than its IP header") \
	X(inner_ihl,          "inner IPv4 header length under 5 words") \
	X(inner_length_short, "inner IPv4 total length shorter than its header") \
	X(inner_length,       "inner length beyond the decrypted octets") \
	X(inner_checksum,     "inner IPv4 header checksum wrong") \
	X(inner_jumbogram,    "inner IPv6 jumbogram") \
	X(ecn_not_ect_ce,     "congestion marked on the way, inner flow knows no ECN (RFC 6040)") \
	X(selector_mismatch,  "inner packet outside the SA's selectors (RFC 4301)") \
	X(handover_full,      "ring to the worker that owns the window is full") \
	X(replay_edge_wait,   "more packets of a window wait for the journal than may") \
	X(seq_exhausted,      "outbound sequence numbers are used up") \
	X(lease_wait,         "outbound sequence numbers wait for the journal") \
	X(journal_failed,     "the journal cannot be written: no more outbound numbers") \
	X(key_spent,          "the key has encrypted as much as a key may") \
	X(too_big,            "packet over the tunnel MTU, sender told by ICMP") \
	X(no_room,            "buffer has no room for the tunnel's headers") \
	X(encap_ring_full,    "ring to the worker that encrypts for the SA is full") \
	X(no_outbound_sa,     "policy says protect, the tunnel has no outbound SA")

// Reasons of the path around the SAs: counted per worker, and per port of arrival or, once a packet
// is to be sent, of departure.
#define DROP_PATH_REASONS(X) \
	X(multi_segment,      "packet in several buffers") \
	X(eth_runt,           "frame shorter than an Ethernet header") \
	X(eth_not_for_us,     "frame for another station") \
	X(eth_type,           "frame is neither IP nor ARP, LLDP, LACP or 802.1X") \
	X(vlan_unknown,       "frame of a VLAN that no port has") \
	X(arp_malformed,      "ARP that is not IPv4's over Ethernet, or from no possible station") \
	X(arp_for_others,     "ARP question for the address of another host") \
	X(ip_version,         "IP version is not the frame's") \
	X(ip_header,          "IP header cut short or malformed") \
	X(ip_length,          "IP length beyond the frame") \
	X(ip_jumbogram,       "IPv6 jumbogram") \
	X(ip_checksum,        "IPv4 header checksum wrong") \
	X(ip_source,          "IP source address is no address to come from") \
	X(source_inside,      "in clear from the wire, from an address of the inside") \
	X(link_broadcast,     "unicast packet sent to a group of stations (RFC 1812 5.3.4)") \
	X(ttl_expired,        "TTL or hop limit used up") \
	X(neighbour_forwarded, "neighbour discovery that crossed a router (hop limit, RFC 4861)") \
	X(neighbour_tunnelled, "neighbour discovery or group membership out of a tunnel") \
	X(no_sa,              "no SA for this SPI and address") \
	X(replay_edge_late,   "packet has waited for the journal for too long") \
	X(parked_no_sa,       "SA was removed while a packet of it waited for the journal") \
	X(udp_no_sa,          "tunnel packet in UDP (ports 4500, 14500) without an SA") \
	X(nat_keepalive,      "NAT keepalive ended as meant (RFC 3948)") \
	X(outer_fragment,     "fragment of a tunnel packet that no SA's peer has sent") \
	X(reassembly_timeout, "fragment of a tunnel packet that did not become whole in time") \
	X(reassembly_full,    "fragment of a tunnel packet that made way for newer ones") \
	X(reassembly_malformed, "fragment of a tunnel packet without octets, or of a wrong length") \
	X(reassembly_overlap, "fragments of a tunnel packet that overlap or differ about its end") \
	X(reassembly_duplicate, "fragment of a tunnel packet that was there already") \
	X(reassembly_too_long, "fragment of a tunnel packet that is longer than a buffer") \
	X(reassembly_ecn,     "fragments of a tunnel packet mark congestion, and know no ECN") \
	X(policy_discard,     "policy says discard") \
	X(policy_none,        "no policy matches") \
	X(answer_unprotected, "ICMP that may quote protected traffic would leave its tunnel") \
	X(answer_protected,   "ICMP that quotes clear traffic would enter a tunnel, or the inside") \
	X(clear_protected,    "in clear where a policy demands protection") \
	X(fragment_ports,     "fragment where a policy names ports") \
	X(fragment_opaque,    "later fragment whose protocol is behind extension headers") \
	X(packet_too_big,     "packet over the port's MTU, sender told by ICMP") \
	X(fragment_no_buffer, "too big, and no buffers were left to split it into") \
	X(fragment_beyond,    "too big, and a fragment that ends beyond 65535 octets") \
	X(outer_too_big,      "tunnel packet over the MTU of the port that its route leads to") \
	X(no_route,           "no route to the destination") \
	X(route_unreachable,  "route says unreachable") \
	X(route_prohibit,     "route says prohibit") \
	X(route_blackhole,    "route says blackhole, or the address is no place to go to") \
	X(local_meanwhile,    "destination became the gateway's own while the packet waited") \
	X(neighbour_pending,  "neighbour's link address not known yet") \
	X(neighbour_failed,   "neighbour does not answer") \
	X(multicast,          "multicast or broadcast is not forwarded") \
	X(path_mtu_forged,    "ICMP about a tunnel packet that this gateway does not send") \
	X(punt_limited,       "more for the kernel than its class or its sender may send") \
	X(punt_full,          "queue to the control thread is full") \
	X(inject_full,        "queue from the control thread is full") \
	X(tx_ring_full,       "ring to the worker that owns the transmit queue is full") \
	X(tx_full,            "transmit queue is full") \
	X(host_write,         "host interface took no more frames")
// clang-format on

enum drop_reason {
	DROP_NONE,
#define X(id, text) DROP_##id,
	DROP_SA_REASONS(X) DROP_SA_END,
	DROP_SA_LAST = DROP_SA_END - 1,
	DROP_PATH_BEFORE = DROP_SA_LAST,
	DROP_PATH_REASONS(X)
#undef X
		DROP_REASONS
};

// "icv_failed" and its sentence. reason: 1 .. DROP_REASONS - 1.
const char *drop_name(enum drop_reason reason);
const char *drop_text(enum drop_reason reason);
