"""The C of sockets: epoll and datagrams in batches (Linux). Elsewhere the program builds and works, HAVE_BATCHES is
false, and what needs them says so."""

from libc.stdint cimport uint16_t, uint32_t

cdef extern from *:
    """
    #ifndef _GNU_SOURCE
    #define _GNU_SOURCE
    #endif
    #include <sys/socket.h>
    #include <netinet/in.h>
    #include <poll.h>
    #ifdef __linux__
    #include <sys/epoll.h>
    #include <linux/errqueue.h>
    #define HAVE_BATCHES 1
    #else
    #define HAVE_BATCHES 0
    #define EPOLLIN 1
    #define EPOLLOUT 4
    #define EPOLLERR 8
    #define EPOLL_CTL_ADD 1
    #define EPOLL_CTL_DEL 2
    #define EPOLL_CTL_MOD 3
    #define MSG_ERRQUEUE 0
    typedef union { void *ptr; } epoll_data_t;
    struct epoll_event { unsigned int events; epoll_data_t data; };
    struct mmsghdr { struct msghdr msg_hdr; unsigned int msg_len; };
    #define epoll_create1(flags) (-1)
    #define epoll_ctl(poll, what, fd, event) (-1)
    #define epoll_wait(poll, events, most, ms) (-1)
    #define accept4(fd, address, size, flags) (-1)
    #define recvmmsg(fd, messages, most, flags, time) (-1)
    #define sendmmsg(fd, messages, count, flags) (-1)
    #define ppoll(polled, count, time, mask) (-1)
    #define SOCK_NONBLOCK 0
    #define SOCK_CLOEXEC 0
    #endif
    #ifndef MSG_NOSIGNAL
    #define MSG_NOSIGNAL 0      /* macOS before 15 */
    #endif
    #ifndef UDP_SEGMENT
    #define UDP_SEGMENT 103     /* linux/udp.h, since 4.18 */
    #endif
    #ifndef SO_RXQ_OVFL
    #define SO_RXQ_OVFL 40      /* asm-generic/socket.h */
    #endif
    #ifndef SO_TIMESTAMPNS
    #define SO_TIMESTAMPNS 35
    #endif
    #ifndef SOL_UDP
    #define SOL_UDP 17
    #endif
    """
    const bint HAVE_BATCHES
    enum: EPOLLIN, EPOLLOUT, EPOLLERR, EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD
    enum: MSG_DONTWAIT, MSG_NOSIGNAL, MSG_ERRQUEUE, MSG_TRUNC, SOCK_NONBLOCK, SOCK_CLOEXEC
    enum: POLLIN, SOL_SOCKET, SO_LINGER, SO_RXQ_OVFL, SO_TIMESTAMPNS, SOL_UDP, UDP_SEGMENT, AF_INET, AF_INET6
    struct linger:
        int l_onoff
        int l_linger
    ctypedef union epoll_data_t:
        void *ptr
    struct epoll_event:
        unsigned int events
        epoll_data_t data
    struct pollfd:
        int fd
        short events
        short revents
    struct sockaddr:
        unsigned short sa_family
    struct sockaddr_in:
        unsigned short sin_family
        uint16_t sin_port
    struct in6_addr:
        pass
    struct sockaddr_in6:
        unsigned short sin6_family
        uint16_t sin6_port
        uint32_t sin6_scope_id
        in6_addr sin6_addr
    struct iovec:
        void *iov_base
        size_t iov_len
    struct msghdr:
        void *msg_name
        unsigned int msg_namelen
        iovec *msg_iov
        size_t msg_iovlen
        void *msg_control
        size_t msg_controllen
        int msg_flags
    struct mmsghdr:
        msghdr msg_hdr
        unsigned int msg_len
    struct cmsghdr:
        size_t cmsg_len
        int cmsg_level
        int cmsg_type
    size_t CMSG_LEN(size_t) nogil
    size_t CMSG_SPACE(size_t) nogil
    unsigned char *CMSG_DATA(cmsghdr *) nogil
    cmsghdr *CMSG_NXTHDR(msghdr *, cmsghdr *) nogil
    int epoll_create1(int) nogil
    int epoll_ctl(int, int, int, epoll_event *) nogil
    int epoll_wait(int, epoll_event *, int, int) nogil
    int ppoll(pollfd *, unsigned long, const void *, const void *) nogil    # the times are timespecs
    int accept4(int, void *, void *, int) nogil
    int setsockopt(int, int, int, const void *, unsigned int) nogil
    ssize_t recv(int, void *, size_t, int) nogil
    ssize_t send(int, const void *, size_t, int) nogil
    ssize_t sendto(int, const void *, size_t, int, const void *, unsigned int) nogil
    ssize_t recvmsg(int, msghdr *, int) nogil
    int recvmmsg(int, mmsghdr *, unsigned int, int, void *) nogil
    int sendmmsg(int, mmsghdr *, unsigned int, int) nogil
