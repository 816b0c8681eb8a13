goroutine 1 [sync.Mutex.Lock, 3 minutes]:
bank::pay(...)
	src/bank.rs:31
...additional frames elided...
created by thread
	src/bank.rs:16

goroutine 2 [sync.Mutex.Lock, 3 minutes]:
bank::refund(...)
	src/bank.rs:41
...additional frames elided...
created by thread
	src/bank.rs:17
