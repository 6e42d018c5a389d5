// libnftables, with its errors as ours.
#include "base/nft.h"

#include <errno.h>
#include <linux/netlink.h>
#include <nftables/libnftables.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LIBRARY_PREFIX "Error: "

// The library ends the program where it gets no such socket.
static int check_socket(struct error *err)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	int errnum = errno;

	if (fd < 0)
		return error_set(
			err, errnum, "nftables: %s; the kernel needs nf_tables", strerror(errnum));
	close(fd);
	return 0;
}

// The library's first line; the others show where in the commands it is.
static int refused(struct nft_ctx *nft, int errnum, struct error *err)
{
	const char *text = nft_ctx_get_error_buffer(nft);
	const char *prefix = strstr(text, LIBRARY_PREFIX);

	if (prefix)
		text = prefix + strlen(LIBRARY_PREFIX);
	return error_set(err, errnum, "nftables: %.*s%s", (int)strcspn(text, "\n"), text,
		errnum == EPERM ? "; it needs CAP_NET_ADMIN" : "");
}

static int run(struct nft_ctx *nft, const char *commands, char **said, struct error *err)
{
	if (nft_ctx_buffer_output(nft) != 0 || nft_ctx_buffer_error(nft) != 0)
		return error_set(err, ENOMEM, "nftables: no memory");
	if (said)
		nft_ctx_output_set_flags(nft, NFT_CTX_OUTPUT_JSON);
	errno = 0;
	if (nft_run_cmd_from_buffer(nft, commands) != 0)
		return refused(nft, errno > 0 ? errno : EINVAL, err);
	if (!said)
		return 0;
	*said = strdup(nft_ctx_get_output_buffer(nft));
	return *said ? 0 : error_set(err, ENOMEM, "nftables: no memory");
}

static int run_in_context(const char *commands, bool dry, char **said, struct error *err)
{
	int ret = check_socket(err);
	struct nft_ctx *nft;

	if (ret < 0)
		return ret;
	nft = nft_ctx_new(NFT_CTX_DEFAULT);
	if (!nft)
		return error_set(err, ENOMEM, "nftables: no memory");
	nft_ctx_set_dry_run(nft, dry);
	ret = run(nft, commands, said, err);
	nft_ctx_free(nft);
	return ret;
}

int nft_run(const char *commands, char **said, struct error *err)
{
	return run_in_context(commands, false, said, err);
}

int nft_try(const char *commands, struct error *err)
{
	return run_in_context(commands, true, NULL, err);
}
