// A blocking Unix socket with a timeout.
#include "vpectl/client.h"

#include "ctl/api.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define TIMEOUT_S 60
#define ANSWER_MAX (32 * 1024 * 1024)

static int no_daemon(const char *path, int errnum, struct error *err)
{
	const char *remedy = "";

	if (errnum == ENOENT || errnum == ECONNREFUSED)
		remedy = "; is vped running, and is this its control.socket?";
	else if (errnum == EACCES)
		remedy = "; you need to be root or in the socket's group";
	return error_set(err, errnum, "%s: %s%s", path, strerror(errnum), remedy);
}

static int open_socket(const char *path, struct error *err)
{
	const struct timeval timeout = {.tv_sec = TIMEOUT_S};
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int ret;
	int fd;

	if (strlen(path) >= sizeof(addr.sun_path))
		return no_daemon(path, ENAMETOOLONG, err);
	memcpy(addr.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return no_daemon(path, errno, err);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) == 0 &&
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) == 0 &&
		connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0)
		return fd;
	ret = no_daemon(path, errno, err);
	close(fd);
	return ret;
}

static int send_all(int fd, const char *text, size_t octets)
{
	while (octets > 0) {
		ssize_t n = send(fd, text, octets, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		octets -= (size_t)n;
	}
	return 0;
}

int client_open(struct client *client, const char *path, struct error *err)
{
	int fd = open_socket(path, err);

	*client = (struct client){.path = path, .fd = fd, .room = 65536};
	if (fd < 0)
		return fd;
	client->text = malloc(client->room);
	if (client->text)
		return 0;
	close(fd);
	return error_set(err, ENOMEM, "no memory");
}

void client_close(struct client *client)
{
	if (client->fd >= 0)
		close(client->fd);
	// There may have been keys in it.
	if (client->text)
		explicit_bzero(client->text, client->room);
	free(client->text);
	*client = (struct client){.fd = -1};
}

int client_send(struct client *client, const char *request, json_t *arguments, struct error *err)
{
	json_t *asked = json_pack("{s:i, s:s, s:O*}", "vped", API_VERSION, "request", request,
		"arguments", arguments);
	char *line = asked ? json_dumps(asked, JSON_COMPACT) : NULL;
	int ret = line ? 0 : -ENOMEM;

	if (ret == 0)
		ret = send_all(client->fd, line, strlen(line));
	if (ret == 0)
		ret = send_all(client->fd, "\n", 1);
	if (line)
		explicit_bzero(line, strlen(line)); // there may be a key in it
	free(line);
	json_decref(asked);
	// The daemon may have said why it closed.
	if (ret < 0 && ret != -EPIPE)
		return error_set(err, -ret, "%s: %s", client->path, strerror(-ret));
	return 0;
}

static int make_room(struct client *client)
{
	char *grown;

	if (client->used < client->room)
		return 0;
	grown = client->room < ANSWER_MAX ? realloc(client->text, 2 * client->room) : NULL;
	if (!grown)
		return -ENOMEM;
	client->text = grown;
	client->room *= 2;
	return 0;
}

// The octets of the next line, its end included.
static int receive_line(struct client *client, bool patient, size_t *octets)
{
	size_t looked = 0;

	for (;;) {
		char *end = memchr(client->text + looked, '\n', client->used - looked);
		ssize_t n;

		if (end) {
			*octets = (size_t)(end - client->text) + 1;
			return 0;
		}
		looked = client->used;
		if (make_room(client) < 0)
			return -ENOMEM;
		n = recv(client->fd, client->text + client->used, client->room - client->used, 0);
		if (n < 0 && (errno == EINTR || (patient && errno == EAGAIN)))
			continue;
		if (n <= 0)
			return n == 0 ? -ECONNRESET : -errno;
		client->used += (size_t)n;
	}
}

int client_receive(struct client *client, bool patient, json_t **message, struct error *err)
{
	size_t octets = 0;
	int ret = receive_line(client, patient, &octets);

	if (ret < 0)
		return error_set(err, -ret, "%s: no answer: %s", client->path,
			ret == -EAGAIN ? "timeout" : strerror(-ret));
	*message = json_loadb(client->text, octets, 0, NULL);
	client->used -= octets;
	memmove(client->text, client->text + octets, client->used);
	return *message ? 0 : error_set(err, EPROTO, "%s: the answer is not JSON", client->path);
}

int client_judge(const json_t *answer, json_t **result, struct error *err)
{
	const json_t *error = json_object_get(answer, "error");
	const char *text = json_string_value(json_object_get(error, "text"));

	if (text)
		return error_set(err, EREMOTEIO, "%s", text);
	if (json_integer_value(json_object_get(answer, "vped")) != API_VERSION)
		return error_set(err, EPROTO,
			"the daemon does not speak version %d of the protocol", API_VERSION);
	*result = json_incref(json_object_get(answer, "result"));
	if (!json_is_object(*result)) {
		json_decref(*result);
		return error_set(err, EPROTO, "the daemon's answer has no result");
	}
	return 0;
}

int client_request(const char *path, const char *request, json_t *arguments, json_t **result,
	struct error *err)
{
	struct client client;
	json_t *answer = NULL;
	int ret = client_open(&client, path, err);

	if (ret < 0)
		return ret;
	ret = client_send(&client, request, arguments, err);
	if (ret == 0)
		ret = client_receive(&client, false, &answer, err);
	if (ret == 0)
		ret = client_judge(answer, result, err);
	json_decref(answer);
	client_close(&client);
	return ret;
}
