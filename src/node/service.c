/* The service manager's datagrams. */
#include "service.h"

#include "metis/base.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void service_notify(const char *text)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    if (path == NULL || (path[0] != '/' && path[0] != '@') ||
        strlen(path) >= sizeof addr.sun_path)
        return;
    memcpy(addr.sun_path, path, strlen(path));
    if (path[0] == '@')
        addr.sun_path[0] = 0; /* a name without a file */
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    if (sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&addr, len) < 0)
        log_warn("node", "the service manager was not reached", KV_STR("socket", path),
                 KV_END);
    close(fd);
}

uint64_t service_watchdog_ms(void)
{
    const char *text = getenv("WATCHDOG_USEC");
    u256 usec;
    if (text == NULL || u256_parse(text, strlen(text), &usec) != MT_OK ||
        !u256_is_u64(usec))
        return 0;
    return usec.w[0] / 2000; /* twice as often as asked for */
}
