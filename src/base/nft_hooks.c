// nf_tables by netlink (linux/netfilter/nf_tables.h); nftables' own numbers are big endian there.
#include "base/nft_hooks.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define BUFFER_OCTETS 65536 // the kernel fills up to 32 KiB at a time
#define TRIES 8		    // where tables change under our eyes

// NFTA_TABLE_*, NFTA_CHAIN_*, NFTA_HOOK_*: the largest that is read here.
#define ATTRIBUTES (NFTA_CHAIN_POLICY + 1)
static_assert(NFTA_TABLE_FLAGS < ATTRIBUTES && NFTA_CHAIN_HOOK < ATTRIBUTES, "table or chain");
static_assert(NFTA_HOOK_DEVS < ATTRIBUTES && NFTA_HOOK_DEV < ATTRIBUTES, "hook");

struct found {
	const struct nlattr *at[ATTRIBUTES];
};

struct query {
	const struct nft_table *table;
	uint32_t *flags;
	bool is_there;
	void (*each)(const struct nft_hook *hook, void *arg);
	void *arg;
};

static int collect(const struct nlattr *attribute, void *arg)
{
	struct found *found = arg;
	unsigned type = mnl_attr_get_type(attribute);

	if (type < ATTRIBUTES)
		found->at[type] = attribute;
	return MNL_CB_OK;
}

static uint32_t number(const struct nlattr *attribute)
{
	bool whole = attribute && mnl_attr_validate(attribute, MNL_TYPE_U32) == 0;

	return whole ? ntohl(mnl_attr_get_u32(attribute)) : 0;
}

static const char *text(const struct nlattr *attribute)
{
	bool whole = attribute && mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) == 0;

	return whole ? mnl_attr_get_str(attribute) : "";
}

static bool is_of(
	const struct query *query, const struct nlmsghdr *message, const struct nlattr *name)
{
	const struct nfgenmsg *header = mnl_nlmsg_get_payload(message);

	return header->nfgen_family == query->table->family &&
		strcmp(text(name), query->table->name) == 0;
}

static int on_table(const struct nlmsghdr *message, void *arg)
{
	struct query *query = arg;
	struct found table = {0};

	mnl_attr_parse(message, sizeof(struct nfgenmsg), collect, &table);
	if (is_of(query, message, table.at[NFTA_TABLE_NAME])) {
		query->is_there = true;
		*query->flags = number(table.at[NFTA_TABLE_FLAGS]);
	}
	return MNL_CB_OK;
}

static void tell_devices(const struct query *query, struct nft_hook *hook, const struct found *has)
{
	const struct nlattr *devices = has->at[NFTA_HOOK_DEVS], *device;

	if (!devices) {
		hook->device = has->at[NFTA_HOOK_DEV] ? text(has->at[NFTA_HOOK_DEV]) : NULL;
		query->each(hook, query->arg);
		return;
	}
	mnl_attr_for_each_nested(device, devices)
	{
		if (mnl_attr_get_type(device) != NFTA_DEVICE_NAME)
			continue;
		hook->device = text(device);
		query->each(hook, query->arg);
	}
}

static int on_chain(const struct nlmsghdr *message, void *arg)
{
	const struct query *query = arg;
	struct found chain = {0}, has = {0};
	struct nft_hook hook;

	mnl_attr_parse(message, sizeof(struct nfgenmsg), collect, &chain);
	if (!chain.at[NFTA_CHAIN_HOOK] || !is_of(query, message, chain.at[NFTA_CHAIN_TABLE]))
		return MNL_CB_OK;
	mnl_attr_parse_nested(chain.at[NFTA_CHAIN_HOOK], collect, &has);
	hook = (struct nft_hook){
		.chain = text(chain.at[NFTA_CHAIN_NAME]),
		.hook = number(has.at[NFTA_HOOK_HOOKNUM]),
		.policy = number(chain.at[NFTA_CHAIN_POLICY]),
	};
	tell_devices(query, &hook, &has);
	return MNL_CB_OK;
}

static int ask(struct mnl_socket *socket, uint16_t type, const struct nft_table *table)
{
	char request[MNL_ALIGN(sizeof(struct nlmsghdr)) + MNL_ALIGN(sizeof(struct nfgenmsg))]
		__attribute__((aligned(8)));
	struct nlmsghdr *message = mnl_nlmsg_put_header(request);
	struct nfgenmsg *header;

	message->nlmsg_type = (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type);
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	header = mnl_nlmsg_put_extra_header(message, sizeof(*header));
	header->nfgen_family = table->family;
	header->version = NFNETLINK_V0;
	return mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0 ||
			mnl_socket_sendto(socket, message, message->nlmsg_len) < 0
		? -errno
		: 0;
}

static int receive(struct mnl_socket *socket, mnl_cb_t on_message, struct query *query)
{
	char *buffer = malloc(BUFFER_OCTETS);
	int more = buffer ? MNL_CB_OK : MNL_CB_ERROR;

	while (more > MNL_CB_STOP) {
		ssize_t n = mnl_socket_recvfrom(socket, buffer, BUFFER_OCTETS);

		more = n < 0 ? MNL_CB_ERROR
			     : mnl_cb_run(buffer, (size_t)n, 0, mnl_socket_get_portid(socket),
				       on_message, query);
	}
	if (more < 0)
		more = -errno;
	free(buffer);
	return more;
}

// On a socket of its own, so that a dump given up leaves nothing behind.
static int dump(uint16_t type, mnl_cb_t on_message, struct query *query, struct error *err)
{
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	int ret = socket ? ask(socket, type, query->table) : -errno;

	if (ret == 0)
		ret = receive(socket, on_message, query);
	if (socket)
		mnl_socket_close(socket);
	if (ret == 0)
		return 0;
	return error_set(err, -ret, "nftables: %s%s", strerror(-ret),
		ret == -EPERM			  ? "; it needs CAP_NET_ADMIN"
			: ret == -EPROTONOSUPPORT ? "; the kernel needs nf_tables"
						  : "");
}

int nft_table_flags(const struct nft_table *table, uint32_t *flags, struct error *err)
{
	struct query query = {.table = table, .flags = flags};
	int ret = -EINTR;

	*flags = 0;
	for (unsigned i = 0; i < TRIES && ret == -EINTR; i++) {
		query.is_there = false;
		ret = dump(NFT_MSG_GETTABLE, on_table, &query, err);
	}
	return ret == 0 ? query.is_there : ret;
}

int nft_hooks(const struct nft_table *table, void (*each)(const struct nft_hook *hook, void *arg),
	void *arg, struct error *err)
{
	struct query query = {.table = table, .each = each, .arg = arg};

	return dump(NFT_MSG_GETCHAIN, on_chain, &query, err);
}
