goroutine 1 [running]:
runtime/pprof.writeGoroutineStacks(...)
	runtime/pprof/pprof.go:816
runtime/pprof.writeGoroutine(...)
	runtime/pprof/pprof.go:779
runtime/pprof.(*Profile).WriteTo(...)
	runtime/pprof/pprof.go:405
main.main(...)
	example.com/pool/zoo/main.go:66

goroutine 21 [chan send]:
main.(*pool).worker(...)
	example.com/pool/zoo/main.go:20
created by main.main in goroutine 1
	example.com/pool/zoo/main.go:41

goroutine 22 [sync.Mutex.Lock]:
internal/sync.runtime_SemacquireMutex(...)
	runtime/sema.go:95
internal/sync.(*Mutex).lockSlow(...)
	internal/sync/mutex.go:149
internal/sync.(*Mutex).Lock(...)
	internal/sync/mutex.go:70
sync.(*Mutex).Lock(...)
	sync/mutex.go:46
main.(*pool).locker(...)
	example.com/pool/zoo/main.go:22
created by main.main in goroutine 1
	example.com/pool/zoo/main.go:42

goroutine 23 [chan send]:
main.(*pool).worker(...)
	example.com/pool/zoo/main.go:20
created by main.main in goroutine 1
	example.com/pool/zoo/main.go:41

goroutine 24 [sync.Mutex.Lock]:
internal/sync.runtime_SemacquireMutex(...)
	runtime/sema.go:95
internal/sync.(*Mutex).lockSlow(...)
	internal/sync/mutex.go:149
internal/sync.(*Mutex).Lock(...)
	internal/sync/mutex.go:70
sync.(*Mutex).Lock(...)
	sync/mutex.go:46
main.(*pool).locker(...)
	example.com/pool/zoo/main.go:22
created by main.main in goroutine 1
	example.com/pool/zoo/main.go:42

goroutine 25 [chan send]:
main.(*pool).worker(...)
	example.com/pool/zoo/main.go:20
created by main.main in goroutine 1
	example.com/pool/zoo/main.go:41

goroutine 26 [sync.Mutex.Lock]:
internal/sync.runtime_SemacquireMutex(...)
	runtime/sema.go:95
internal/sync.(*Mutex).lockSlow(...)
	internal/sync/mutex.go:149
internal/sync.(*Mutex).Lock(...)
	internal/sync/mutex.go:70
sync.(*Mutex).Lock(...)
	sync/mutex.go:46
main.(*pool).locker(...)
	example.com/pool/zoo/main.go:22
created by main.main in goroutine 1
	example.com/pool/zoo/main.go:42

goroutine 27 [chan receive]:
main.(*pool).reader(...)
	example.com/pool/zoo/main.go:21
created by main.main in goroutine 1
	example.com/pool/zoo/main.go:44

goroutine 28 [sync.RWMutex.RLock]:
sync.runtime_SemacquireRWMutexR(...)
	runtime/sema.go:100
sync.(*RWMutex).RLock(...)
	sync/rwmutex.go:74
main.(*pool).rlocker(...)
	example.com/pool/zoo/main.go:23
created by main.main in goroutine 1
	example.com/pool/zoo/main.go:45

goroutine 29 [sync.Mutex.Lock]:
internal/sync.runtime_SemacquireMutex(...)
	runtime/sema.go:95
internal/sync.(*Mutex).lockSlow(...)
	internal/sync/mutex.go:149
internal/sync.(*Mutex).Lock(...)
	internal/sync/mutex.go:70
sync.(*Mutex).Lock(...)
	sync/mutex.go:46
sync.(*RWMutex).Lock(...)
	sync/rwmutex.go:150
main.(*pool).wlocker(...)
	example.com/pool/zoo/main.go:24
created by main.main in goroutine 1
	example.com/pool/zoo/main.go:46

goroutine 30 [sync.Cond.Wait]:
sync.runtime_notifyListWait(...)
	runtime/sema.go:617
sync.(*Cond).Wait(...)
	sync/cond.go:71
main.(*pool).signalled(...)
	example.com/pool/zoo/main.go:25
created by main.main in goroutine 1
	example.com/pool/zoo/main.go:47

goroutine 31 [select]:
main.(*pool).chooser(...)
	example.com/pool/zoo/main.go:27
created by main.main in goroutine 1
	example.com/pool/zoo/main.go:48

goroutine 32 [chan receive (nil chan)]:
main.main.func1(...)
	example.com/pool/zoo/main.go:49
created by main.main in goroutine 1
	example.com/pool/zoo/main.go:49

goroutine 33 [select (no cases)]:
main.main.func2(...)
	example.com/pool/zoo/main.go:50
created by main.main in goroutine 1
	example.com/pool/zoo/main.go:50

goroutine 34 [sleep]:
time.Sleep(...)
	runtime/time.go:368
main.main.func3(...)
	example.com/pool/zoo/main.go:51
created by main.main in goroutine 1
	example.com/pool/zoo/main.go:51

goroutine 35 [sync.WaitGroup.Wait]:
sync.runtime_SemacquireWaitGroup(...)
	runtime/sema.go:114
sync.(*WaitGroup).Wait(...)
	sync/waitgroup.go:206
main.main.func4(...)
	example.com/pool/zoo/main.go:54
created by main.main in goroutine 1
	example.com/pool/zoo/main.go:54

goroutine 36 [IO wait]:
internal/poll.runtime_pollWait(...)
	runtime/netpoll.go:351
internal/poll.(*pollDesc).wait(...)
	internal/poll/fd_poll_runtime.go:84
internal/poll.(*pollDesc).waitRead(...)
	internal/poll/fd_poll_runtime.go:89
internal/poll.(*FD).Accept(...)
	internal/poll/fd_unix.go:618
net.(*netFD).accept(...)
	net/fd_unix.go:149
net.(*TCPListener).accept(...)
	net/tcpsock_posix.go:159
net.(*TCPListener).Accept(...)
	net/tcpsock.go:387
created by main.main in goroutine 1
	example.com/pool/zoo/main.go:59

goroutine 37 [chan send]:
main.leak.func1(...)
	example.com/pool/zoo/main.go:33
created by main.main in goroutine 1
	example.com/pool/zoo/main.go:33
