// The HTTP server of the metrics. libevent's evhttp has no bound on connections of its own: each is
// counted here from when it is made to when evhttp has let it go.
#include "ctl/metrics.h"

#include "base/log.h"
#include "ctl/gateway.h"
#include "ctl/limiter.h"
#include "ctl/listen.h"
#include "ctl/metrics_families.h"
#include "ctl/server_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BACKLOG 16
#define HEADERS_MAX 8192
#define LOOK_MS 250

struct place {
	struct bufferevent *stream; // NULL: free. Ours and evhttp's.
	uint64_t since_ms;
};

struct answer {
	struct evbuffer *body;
	uint64_t made_ms;
};

struct metrics {
	struct gateway *gateway;
	struct server_socket socket; // of a path
	struct evhttp *http;
	struct evconnlistener *listener; // evhttp's
	struct event *look;
	struct place place[METRICS_CLIENTS_MAX];
	struct answer answer[METRICS_FORMATS];
	struct metrics_stats stats;
};

bool metrics_render(const struct gateway *gateway, enum metrics_format format, struct evbuffer *to)
{
	struct metrics_text text = {.to = to, .format = format};

	metrics_of_process(&text, gateway);
	metrics_of_ports(&text, gateway);
	metrics_of_workers(&text, gateway);
	metrics_of_rings(&text, gateway);
	metrics_of_tunnels(&text, gateway);
	metrics_of_sas(&text, gateway);
	metrics_of_control(&text, gateway);
	metrics_end(&text);
	return !text.no_memory;
}

// Clients that are answered before share the memory of the answer.
static struct evbuffer *fresh_answer(struct metrics *metrics, enum metrics_format format)
{
	struct answer *answer = &metrics->answer[format];
	uint64_t now_ms = limiter_now_ms();

	if (answer->body && now_ms - answer->made_ms < METRICS_FRESH_MS)
		return answer->body;
	if (answer->body)
		evbuffer_free(answer->body);
	answer->body = evbuffer_new();
	if (!answer->body || !metrics_render(metrics->gateway, format, answer->body)) {
		if (answer->body)
			evbuffer_free(answer->body);
		answer->body = NULL;
		return NULL;
	}
	metrics->stats.renderings++;
	answer->made_ms = now_ms;
	return answer->body;
}

static enum metrics_format wanted_format(struct evhttp_request *request)
{
	const char *accept =
		evhttp_find_header(evhttp_request_get_input_headers(request), "Accept");

	return accept && strcasestr(accept, "application/openmetrics-text") ? METRICS_OPENMETRICS
									    : METRICS_PROMETHEUS;
}

static void on_request(struct evhttp_request *request, void *arg)
{
	struct metrics *metrics = arg;
	struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
	enum metrics_format format = wanted_format(request);
	struct evbuffer *answer = fresh_answer(metrics, format);
	struct evbuffer *body = evbuffer_new();

	metrics->stats.requests++;
	evhttp_add_header(headers, "Connection", "close");
	if (answer && body && evbuffer_add_buffer_reference(body, answer) == 0) {
		evhttp_add_header(headers, "Content-Type", metrics_content_type(format));
		evhttp_add_header(headers, "Cache-Control", "no-store");
		evhttp_send_reply(request, HTTP_OK, "OK", body);
	} else {
		evhttp_send_error(request, HTTP_INTERNAL, "no memory");
	}
	if (body)
		evbuffer_free(body);
}

static void on_other_path(struct evhttp_request *request, void *arg)
{
	(void)arg;
	evhttp_add_header(evhttp_request_get_output_headers(request), "Connection", "close");
	evhttp_send_error(request, HTTP_NOTFOUND, "the metrics are at /metrics");
}

// evhttp takes its callbacks off a stream that it has done with.
static bool is_over(struct bufferevent *stream)
{
	bufferevent_data_cb read, write;
	bufferevent_event_cb event;
	void *arg;

	bufferevent_getcb(stream, &read, &write, &event, &arg);
	return !read && !write && !event;
}

static void give_back(struct metrics *metrics, struct place *place)
{
	bufferevent_decref(place->stream);
	place->stream = NULL;
	metrics->stats.now--;
}

// To evhttp this looks like a client that did nothing for too long.
static void close_slow(struct metrics *metrics, struct place *place)
{
	metrics->stats.closed++;
	bufferevent_trigger_event(place->stream, BEV_EVENT_READING | BEV_EVENT_TIMEOUT, 0);
}

static void look(struct metrics *metrics)
{
	bool crowded = metrics->stats.now == METRICS_CLIENTS_MAX;
	uint64_t limit_ms = (crowded ? METRICS_CROWDED_S : METRICS_CLIENT_S) * 1000;
	uint64_t now_ms = limiter_now_ms();

	for (unsigned i = 0; i < METRICS_CLIENTS_MAX; i++) {
		struct place *place = &metrics->place[i];

		if (place->stream && !is_over(place->stream) &&
			now_ms - place->since_ms >= limit_ms)
			close_slow(metrics, place);
		if (place->stream && is_over(place->stream))
			give_back(metrics, place);
	}
	if (metrics->stats.now < METRICS_CLIENTS_MAX)
		evconnlistener_enable(metrics->listener);
}

static void on_look(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	look(arg);
}

// A connection was accepted: its stream. NULL: evhttp makes one of its own, which nobody counts, so
// the listener rests while all places are taken.
static struct bufferevent *make_stream(struct event_base *events, void *arg)
{
	struct metrics *metrics = arg;
	struct bufferevent *stream = bufferevent_socket_new(events, -1, BEV_OPT_CLOSE_ON_FREE);

	look(metrics);
	for (unsigned i = 0; stream && i < METRICS_CLIENTS_MAX; i++) {
		struct place *place = &metrics->place[i];

		if (place->stream)
			continue;
		bufferevent_incref(stream);
		*place = (struct place){.stream = stream, .since_ms = limiter_now_ms()};
		metrics->stats.clients++;
		metrics->stats.now++;
		break;
	}
	if (metrics->stats.now == METRICS_CLIENTS_MAX)
		evconnlistener_disable(metrics->listener);
	return stream;
}

static struct evconnlistener *listen_at_address(
	struct event_base *events, const struct listen_address *at)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(at->port)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(at->port)};
	bool is_v4 = at->addr.family == IP_V4;

	memcpy(&v4.sin_addr, at->addr.octets, sizeof(v4.sin_addr));
	memcpy(&v6.sin6_addr, at->addr.octets, sizeof(v6.sin6_addr));
	return evconnlistener_new_bind(events, NULL, NULL,
		LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE, BACKLOG,
		is_v4 ? (const struct sockaddr *)&v4 : (const struct sockaddr *)&v6,
		is_v4 ? (int)sizeof(v4) : (int)sizeof(v6));
}

// evhttp owns it from then on.
static int give_listener(struct metrics *metrics, struct error *err)
{
	if (evhttp_bind_listener(metrics->http, metrics->listener))
		return 0;
	evconnlistener_free(metrics->listener);
	return error_set(err, ENOMEM, "metrics: no memory");
}

static int open_listener(struct metrics *metrics, const char *where, struct error *err)
{
	struct event_base *events = metrics->gateway->events;
	struct listen_address at;
	int rc;

	if (listen_parse(where, &at) != 0)
		return error_set(err, EINVAL, "metrics: cannot listen on %s", where);
	if (!at.path) {
		metrics->listener = listen_at_address(events, &at);
		return metrics->listener
			? give_listener(metrics, err)
			: error_set(err, errno, "metrics: %s: %s", where, strerror(errno));
	}
	rc = server_socket_open(at.path, "vped", &metrics->socket, err);
	if (rc < 0) {
		error_prefix(err, "metrics: ");
		return rc;
	}
	metrics->listener = evconnlistener_new(
		events, NULL, NULL, LEV_OPT_CLOSE_ON_EXEC, 0, metrics->socket.fd);
	return metrics->listener ? give_listener(metrics, err)
				 : error_set(err, ENOMEM, "metrics: no memory");
}

static int start(struct metrics *metrics, struct error *err)
{
	const struct timeval period = {.tv_usec = LOOK_MS * 1000};

	metrics->look = event_new(metrics->gateway->events, -1, EV_PERSIST, on_look, metrics);
	if (!metrics->look || event_add(metrics->look, &period) != 0)
		return error_set(err, ENOMEM, "metrics: no memory");
	evhttp_set_bevcb(metrics->http, make_stream, metrics);
	evhttp_set_allowed_methods(metrics->http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD);
	evhttp_set_max_headers_size(metrics->http, HEADERS_MAX);
	evhttp_set_max_body_size(metrics->http, 0);
	evhttp_set_timeout(metrics->http, METRICS_STALL_S);
	evhttp_set_gencb(metrics->http, on_other_path, NULL);
	return evhttp_set_cb(metrics->http, "/metrics", on_request, metrics) == 0
		? 0
		: error_set(err, ENOMEM, "metrics: no memory");
}

int metrics_create(
	struct gateway *gateway, const char *where, struct metrics **created, struct error *err)
{
	struct metrics *metrics = calloc(1, sizeof(*metrics));
	int rc;

	if (!metrics)
		return error_set(err, ENOMEM, "metrics: no memory");
	metrics->gateway = gateway;
	metrics->socket.fd = -1;
	metrics->http = evhttp_new(gateway->events);
	rc = metrics->http ? open_listener(metrics, where, err)
			   : error_set(err, ENOMEM, "metrics: no memory");
	if (rc == 0)
		rc = start(metrics, err);
	if (rc != 0) {
		metrics_destroy(metrics);
		return rc;
	}
	log_notice("metrics: at %s", where);
	*created = metrics;
	return 0;
}

void metrics_destroy(struct metrics *metrics)
{
	if (!metrics)
		return;
	if (metrics->look)
		event_free(metrics->look);
	if (metrics->http)
		evhttp_free(metrics->http); // with the listener
	for (unsigned i = 0; i < METRICS_CLIENTS_MAX; i++)
		if (metrics->place[i].stream)
			give_back(metrics, &metrics->place[i]);
	for (unsigned i = 0; i < METRICS_FORMATS; i++)
		if (metrics->answer[i].body)
			evbuffer_free(metrics->answer[i].body);
	server_socket_close(&metrics->socket);
	free(metrics);
}

const struct metrics_stats *metrics_stats(const struct metrics *metrics)
{
	return &metrics->stats;
}
