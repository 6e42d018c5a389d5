// The frames of a stream. Inner packets go between 10.1.0.0/16 (near) and 10.2.0.0/15 (far), or the
// same in IPv6; tunnels from 192.0.2.2 to 192.0.2.1.
#include "bench/genport/frame.h"

#include "bench/packet.h"

#define NEAR_IPV4 0x0a010101u
#define FAR_IPV4 0x0a020000u
#define PEER_IPV4 0xc0000202u
#define GATEWAY_IPV4 0xc0000201u
#define PORT_FIRST 10000
#define PORTS 50000
#define PORT_FAR 5001

const uint8_t frame_salt[4] = {0xde, 0xad, 0xbe, 0xef};

static bool is_tunnel(const struct stream_params *params)
{
	return params->kind == STREAM_ESP || params->kind == STREAM_VPE;
}

static uint16_t inner_octets(const struct stream_params *params)
{
	return (uint16_t)(params->frame_octets - ETHER_OCTETS);
}

uint16_t frame_sealed_octets(const struct stream_params *params)
{
	uint16_t octets = inner_octets(params);

	if (params->kind == STREAM_VPE)
		return octets;
	return (uint16_t)((octets + ESP_TRAILER_OCTETS + 3) & ~3); // RFC 4303 section 2.4
}

uint16_t frame_octets_on_wire(const struct stream_params *params)
{
	if (params->kind == STREAM_ESP)
		return (uint16_t)(TUNNEL_AT + ESP_HEADER_OCTETS + frame_sealed_octets(params) + 16);
	if (params->kind == STREAM_VPE)
		return (uint16_t)(TUNNEL_AT + VPE_HEADER_OCTETS + frame_sealed_octets(params));
	return params->frame_octets;
}

static void write_ipv6_address(uint8_t *address, uint32_t host)
{
	memset(address, 0, 16);
	store_be32(address, 0x20010db8);
	store_be32(address + 12, host);
}

static void write_ipv6(uint8_t *ip, uint16_t octets, uint32_t source, uint32_t destination)
{
	memset(ip, 0, IPV6_HEADER);
	ip[0] = 0x60;
	store_be16(ip + IPV6_PAYLOAD_LENGTH, (uint16_t)(octets - IPV6_HEADER));
	ip[IPV6_NEXT_HEADER] = IP_PROTOCOL_UDP;
	ip[IPV6_HOP_LIMIT] = PACKET_HOP_LIMIT;
	write_ipv6_address(ip + IPV6_SOURCE, source);
	write_ipv6_address(ip + IPV6_DESTINATION, destination);
}

// Of a payload of zeros: IPv6 wants a checksum.
static void write_udp_checksum(uint8_t *ip, uint16_t udp_octets)
{
	uint8_t *udp = ip + IPV6_HEADER;
	uint8_t pseudo[4];
	uint16_t checksum;

	store_be16(pseudo, udp_octets);
	store_be16(pseudo + 2, IP_PROTOCOL_UDP);
	checksum = (uint16_t)~checksum_fold(checksum_sum(ip + IPV6_SOURCE, 32) +
		checksum_sum(pseudo, sizeof(pseudo)) + checksum_sum(udp, 8));
	memcpy(udp + 6, &checksum, sizeof(checksum));
}

static void write_inner(const struct stream_params *params, uint32_t flow, uint8_t *ip)
{
	uint32_t near = NEAR_IPV4 + flow / PORTS;
	uint32_t far = FAR_IPV4 + flow % params->sas;
	uint16_t near_port = (uint16_t)(PORT_FIRST + flow % PORTS);
	uint16_t octets = inner_octets(params);
	uint16_t header = params->family == 4 ? IPV4_HEADER_MIN : IPV6_HEADER;
	uint16_t udp_octets = (uint16_t)(octets - header);
	bool outward = params->kind == STREAM_PLAIN;
	uint8_t *udp = ip + header;

	if (outward)
		packet_write_udp(udp, udp_octets, near_port, PORT_FAR);
	else
		packet_write_udp(udp, udp_octets, PORT_FAR, near_port);
	if (params->family == 4) {
		packet_write_ipv4(
			ip, octets, IP_PROTOCOL_UDP, outward ? near : far, outward ? far : near);
		return;
	}
	write_ipv6(ip, octets, outward ? near : far, outward ? far : near);
	write_udp_checksum(ip, udp_octets);
}

static void write_ether(const struct stream_params *params, uint8_t *frame)
{
	bool ipv6 = params->family == 6 && !is_tunnel(params);

	memcpy(frame, params->mac, 6);
	memset(frame + 6, 2, 6);
	store_be16(frame + 12, ipv6 ? 0x86dd : 0x0800);
}

static void write_esp(const struct stream_params *params, uint32_t flow, uint8_t *esp)
{
	uint16_t octets = inner_octets(params);
	uint16_t sealed = frame_sealed_octets(params);
	uint8_t pad = (uint8_t)(sealed - octets - ESP_TRAILER_OCTETS);
	uint8_t *trailer = esp + ESP_HEADER_OCTETS + octets;

	memset(esp, 0, ESP_HEADER_OCTETS);
	store_be32(esp, ESP_SPI_FIRST + flow % params->sas);
	esp[ESP_HEADER_OCTETS - 1] = 1;
	write_inner(params, flow, esp + ESP_HEADER_OCTETS);
	for (uint8_t i = 0; i < pad; i++)
		*trailer++ = (uint8_t)(i + 1);
	*trailer++ = pad;
	*trailer = params->family == 4 ? IP_PROTOCOL_IPV4 : IP_PROTOCOL_IPV6;
}

static void write_vpe(
	const struct stream_params *params, uint32_t flow, uint16_t window, uint8_t *vpe)
{
	uint32_t spi_le = htole32(VPE_SPI_FIRST + flow % params->sas);
	uint16_t window_le = htole16(window);

	memset(vpe, 0, VPE_HEADER_OCTETS);
	memcpy(vpe + 2, &window_le, sizeof(window_le));
	memcpy(vpe + 12, &spi_le, sizeof(spi_le));
	write_inner(params, flow, vpe + VPE_HEADER_OCTETS);
}

void frame_write(const struct stream_params *params, uint32_t flow, uint16_t window, uint8_t *frame)
{
	uint16_t outer_octets = (uint16_t)(frame_octets_on_wire(params) - ETHER_OCTETS);

	write_ether(params, frame);
	if (!is_tunnel(params)) {
		write_inner(params, flow, frame + ETHER_OCTETS);
		return;
	}
	packet_write_ipv4(
		frame + ETHER_OCTETS, outer_octets, IP_PROTOCOL_ESP, PEER_IPV4, GATEWAY_IPV4);
	if (params->kind == STREAM_ESP)
		write_esp(params, flow, frame + TUNNEL_AT);
	else
		write_vpe(params, flow, window, frame + TUNNEL_AT);
}

void frame_key(const struct stream_params *params, uint32_t sa, uint8_t *key)
{
	for (uint8_t i = 0; i < params->key_octets; i++)
		key[i] = (uint8_t)(0xa5 ^ i);
	store_be32(key, sa);
}
