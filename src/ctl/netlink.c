// Route netlink: dumps on a socket of their own, so that a dump given up leaves nothing behind.
#include "ctl/netlink.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#define BUFFER_OCTETS 65536		// the kernel fills up to 32 KiB at a time
#define LISTEN_OCTETS (4 * 1024 * 1024) // of changes that wait for us
#define ANSWER_TIMEOUT_S 2
#define ANSWER_OCTETS 8192 // an error quotes the request

struct dump {
	int (*each)(const struct nlmsghdr *message, void *arg);
	void *arg;
	int ret;
};

static int one(const struct nlmsghdr *message, void *arg)
{
	struct dump *dump = arg;

	dump->ret = dump->each(message, dump->arg);
	return dump->ret < 0 ? MNL_CB_STOP : MNL_CB_OK;
}

static int receive(struct mnl_socket *socket, struct dump *dump, char *buffer)
{
	unsigned port = mnl_socket_get_portid(socket);
	int more = MNL_CB_OK;

	while (more > MNL_CB_STOP) {
		ssize_t n = mnl_socket_recvfrom(socket, buffer, BUFFER_OCTETS);

		if (n < 0)
			return -errno;
		more = mnl_cb_run(buffer, (size_t)n, 1, port, one, dump);
	}
	return more < 0 ? -errno : dump->ret;
}

// Bound, and never waited for longer than the kernel takes by far. 0 or -errno.
static int prepare(struct mnl_socket *socket)
{
	const struct timeval timeout = {.tv_sec = ANSWER_TIMEOUT_S};

	if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0 ||
		setsockopt(mnl_socket_get_fd(socket), SOL_SOCKET, SO_RCVTIMEO, &timeout,
			sizeof(timeout)) < 0)
		return -errno;
	return 0;
}

int netlink_open_requests(struct mnl_socket **opened)
{
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	int ret;

	if (!socket)
		return -errno;
	ret = prepare(socket);
	if (ret < 0)
		mnl_socket_close(socket);
	else
		*opened = socket;
	return ret;
}

int netlink_request(struct mnl_socket *socket, struct nlmsghdr *message)
{
	static uint32_t number;
	char answer[ANSWER_OCTETS] __attribute__((aligned(8)));
	int more = MNL_CB_OK;

	message->nlmsg_flags |= NLM_F_ACK;
	message->nlmsg_seq = ++number;
	if (mnl_socket_sendto(socket, message, message->nlmsg_len) < 0)
		return -errno;
	while (more > MNL_CB_STOP) {
		ssize_t n = mnl_socket_recvfrom(socket, answer, sizeof(answer));

		if (n < 0)
			return -errno;
		more = mnl_cb_run(
			answer, (size_t)n, number, mnl_socket_get_portid(socket), NULL, NULL);
		// What came too late for the request before.
		if (more < 0 && errno == EPROTO)
			more = MNL_CB_OK;
	}
	return more < 0 ? -errno : 0;
}

int netlink_dump(uint16_t type, uint8_t family,
	int (*each)(const struct nlmsghdr *message, void *arg), void *arg)
{
	struct dump dump = {.each = each, .arg = arg};
	char request[MNL_ALIGN(sizeof(struct nlmsghdr)) + MNL_ALIGN(sizeof(struct rtgenmsg))]
		__attribute__((aligned(8)));
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	char *buffer = malloc(BUFFER_OCTETS);
	struct nlmsghdr *message;
	struct rtgenmsg *general;
	int ret;

	if (!socket || !buffer) {
		ret = socket ? -ENOMEM : -errno;
		goto out;
	}
	message = mnl_nlmsg_put_header(request);
	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	message->nlmsg_seq = 1;
	general = mnl_nlmsg_put_extra_header(message, sizeof(*general));
	general->rtgen_family = family;
	ret = prepare(socket);
	if (ret == 0 && mnl_socket_sendto(socket, message, message->nlmsg_len) < 0)
		ret = -errno;
	if (ret == 0)
		ret = receive(socket, &dump, buffer);
out:
	free(buffer);
	if (socket)
		mnl_socket_close(socket);
	return ret;
}

int netlink_listen(const unsigned *groups, unsigned n, struct mnl_socket **opened)
{
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	int octets = LISTEN_OCTETS;
	int fd;
	int ret;

	if (!socket)
		return -errno;
	fd = mnl_socket_get_fd(socket);
	// Past the system's limit where we may; less is fine too, an overrun means a new dump.
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &octets, sizeof(octets)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &octets, sizeof(octets));
	if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0)
		goto failed;
	for (unsigned i = 0; i < n; i++) {
		unsigned group = groups[i];

		if (mnl_socket_setsockopt(socket, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) <
			0)
			goto failed;
	}
	*opened = socket;
	return 0;
failed:
	ret = -errno;
	mnl_socket_close(socket);
	return ret;
}

void netlink_attributes(
	const struct nlmsghdr *message, size_t header, const struct nlattr *found[], unsigned max)
{
	const struct nlattr *attribute;

	memset(found, 0, (max + 1) * sizeof(found[0]));
	if (mnl_nlmsg_get_payload_len(message) < header)
		return;
	mnl_attr_for_each(attribute, message, header)
	{
		uint16_t type = mnl_attr_get_type(attribute);

		if (type <= max)
			found[type] = attribute;
	}
}

uint32_t netlink_u32(const struct nlattr *attribute, uint32_t fallback)
{
	if (!attribute || mnl_attr_get_payload_len(attribute) != sizeof(uint32_t))
		return fallback;
	return mnl_attr_get_u32(attribute);
}

struct ip_addr netlink_addr(const struct nlattr *attribute, uint8_t family)
{
	struct ip_addr addr = {.family = IP_NONE};
	uint8_t ours = family == AF_INET ? IP_V4 : family == AF_INET6 ? IP_V6 : IP_NONE;
	size_t octets = ip_addr_octets(ours);

	if (!attribute || octets == 0 || mnl_attr_get_payload_len(attribute) != octets)
		return addr;
	addr.family = ours;
	memcpy(addr.octets, mnl_attr_get_payload(attribute), octets);
	return addr;
}

struct ip_addr netlink_via(const struct nlattr *attribute)
{
	const struct rtvia *via = attribute ? mnl_attr_get_payload(attribute) : NULL;
	struct ip_addr addr = {.family = IP_NONE};
	uint8_t ours;

	if (!via || mnl_attr_get_payload_len(attribute) < sizeof(*via))
		return addr;
	ours = via->rtvia_family == AF_INET ? IP_V4 : via->rtvia_family == AF_INET6 ? IP_V6 : 0;
	if (ours == IP_NONE ||
		mnl_attr_get_payload_len(attribute) != sizeof(*via) + ip_addr_octets(ours))
		return addr;
	addr.family = ours;
	memcpy(addr.octets, via->rtvia_addr, ip_addr_octets(ours));
	return addr;
}
