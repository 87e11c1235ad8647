#include "find/rule_text.h"

static const struct rule_text texts[RULE_COUNT] = {
    [RULE_DEFER_IN_LOOP] =
        {
            .summary = "deferred calls pile up in a loop",
            .meaning =
                "A deferred call runs when its function returns, not at the end of a turn of the "
                "loop around it. Each turn adds one more, with all that it refers to: a file, a "
                "lock, the rows of a query. If the function runs as long as the program, they "
                "never run. A heap profile shows their memory as that of the function itself.",
            .leaky = "func poll(db *sql.DB) {\n"
                     "\tfor range time.Tick(time.Second) {\n"
                     "\t\trows, err := db.Query(\"SELECT id FROM jobs\")\n"
                     "\t\tif err != nil {\n"
                     "\t\t\tcontinue\n"
                     "\t\t}\n"
                     "\t\tdefer rows.Close() // waits for the end of poll\n"
                     "\t\twork(rows)\n"
                     "\t}\n"
                     "}\n",
            .fixed = "func poll(db *sql.DB) {\n"
                     "\tfor range time.Tick(time.Second) {\n"
                     "\t\tpollOnce(db)\n"
                     "\t}\n"
                     "}\n"
                     "\n"
                     "func pollOnce(db *sql.DB) {\n"
                     "\trows, err := db.Query(\"SELECT id FROM jobs\")\n"
                     "\tif err != nil {\n"
                     "\t\treturn\n"
                     "\t}\n"
                     "\tdefer rows.Close() // runs each time\n"
                     "\twork(rows)\n"
                     "}\n",
            .grades =
                {
                    [GRADE_CERTAIN] = "nothing ends the loop, short of a panic",
                    [GRADE_LIKELY] = "only others end the loop, or it waits for them in a "
                                     "goroutine of its own; in a running program: the calls only "
                                     "become more",
                    [GRADE_POSSIBLE] = "the loop ends by itself, when a collection is exhausted "
                                       "or a condition no longer holds",
                },
            .check = "Look at the loop: how many turns can it take before its function returns, "
                     "and what does each deferred call hold until then? In a running program, "
                     "`seep inspect` counts the calls that are pending there and sees whether they "
                     "grow.",
            .unknown = "How many turns the loop takes. A loop over the three files of a "
                       "configuration defers three calls, and nothing is wrong with that.",
            .in_code = true,
            .in_processes = true,
        },
    [RULE_BLOCKED_GOROUTINES] =
        {
            .summary = "goroutines wait at one place, more come, and nobody wakes them",
            .meaning =
                "Goroutines that were started by the same statement wait at the same line: to "
                "send, to receive, in a select, for a lock. Whoever should wake them is gone or "
                "not in sight. Each keeps its stack and all that it refers to. A channel that "
                "something still refers to is no garbage, so Go's collector frees none of it.",
            .leaky = "func (a *agent) publish(values []float64) {\n"
                     "\tfor _, value := range values {\n"
                     "\t\tgo func(value float64) {\n"
                     "\t\t\ta.out <- value // the receiver has ended\n"
                     "\t\t}(value)\n"
                     "\t}\n"
                     "}\n",
            .fixed = "func (a *agent) publish(values []float64) {\n"
                     "\tfor _, value := range values {\n"
                     "\t\tselect {\n"
                     "\t\tcase a.out <- value:\n"
                     "\t\tdefault: // nobody is there: drop it, or count it\n"
                     "\t\t}\n"
                     "\t}\n"
                     "}\n",
            .grades =
                {
                    [GRADE_CERTAIN] = "nothing can wake them, as on a nil channel",
                    [GRADE_LIKELY] = "nobody is seen who could wake them, or the oldest has "
                                     "waited for long and they only become more",
                    [GRADE_POSSIBLE] = "they only become more, and that is all that is known",
                },
            .check = "Look at the line where they wait: who receives, sends, closes or unlocks, "
                     "and is that one still there? `seep inspect --for 30s` compares two looks "
                     "that are farther apart, `--goroutines` prints all stacks as Go does.",
            .unknown = "Whether somebody whom only the heap leads to will still serve them: stacks "
                       "and the objects next to them are searched, not everything.",
            .in_processes = true,
        },
    [RULE_GROWING_MAP] =
        {
            .summary = "a map gets more and more entries, and none is deleted",
            .meaning =
                "Entries are put into a map that a variable or a goroutine holds, under keys that "
                "are never done with: a session, a connection, a label of a metric. Deleting is "
                "forgotten on some way, or nobody is in charge of it. The map and all that hangs "
                "on its entries stays for the life of its holder.",
            .leaky = "var sessions = map[string]*Session{}\n"
                     "\n"
                     "func open(id string) {\n"
                     "\tsessions[id] = &Session{started: time.Now()}\n"
                     "}\n"
                     "\n"
                     "func close(id string) {\n"
                     "\tsessions[id].end() // and stays in the map\n"
                     "}\n",
            .fixed = "var sessions = map[string]*Session{}\n"
                     "\n"
                     "func open(id string) {\n"
                     "\tsessions[id] = &Session{started: time.Now()}\n"
                     "}\n"
                     "\n"
                     "func close(id string) {\n"
                     "\tsessions[id].end()\n"
                     "\tdelete(sessions, id)\n"
                     "}\n",
            .grades =
                {
                    [GRADE_LIKELY] = "between two looks more came, of those that were there none "
                                     "went, and the pace is that of the whole life",
                },
            .check = "Who deletes from the map, and is that reached on every way? `seep inspect "
                     "--for 60s` looks at the whole heap twice, with so much time between; `seep "
                     "save` now and `seep diff` tomorrow tell more.",
            .unknown = "What the bound of a cache is. One that is filled evenly over the whole "
                       "life and has not come to its bound looks the same.",
            .in_processes = true,
        },
    [RULE_GROWING_SLICE] =
        {
            .summary = "a slice gets more and more elements, and none is let go",
            .meaning =
                "Elements are appended to a slice that a variable or a goroutine holds, and it is "
                "never cut. Each append may copy it into a larger array; what it refers to stays.",
            .leaky = "type log struct{ events []*Event }\n"
                     "\n"
                     "func (l *log) add(e *Event) {\n"
                     "\tl.events = append(l.events, e)\n"
                     "}\n",
            .fixed = "type log struct{ events []*Event }\n"
                     "\n"
                     "func (l *log) add(e *Event) {\n"
                     "\tif len(l.events) == limit {\n"
                     "\t\tcopy(l.events, l.events[1:])\n"
                     "\t\tl.events = l.events[:limit-1]\n"
                     "\t}\n"
                     "\tl.events = append(l.events, e)\n"
                     "}\n",
            .grades =
                {
                    [GRADE_LIKELY] = "between two looks more came, of those that were there none "
                                     "went, and the pace is that of the whole life",
                },
            .check = "Where is the slice cut or replaced? A slice of a slice keeps the whole array "
                     "behind it.",
            .unknown = "What its bound is, as with a map.",
            .in_processes = true,
        },
    [RULE_GROWING_TYPE] =
        {
            .summary = "one holder gets more and more objects of one type",
            .meaning =
                "A list, a tree or a structure of the program's own holds objects of a type, more "
                "at each look, and lets none go: handlers that are registered and never removed, "
                "nodes that are unlinked in one direction only.",
            .leaky = "func (b *bus) subscribe(f func(Event)) {\n"
                     "\tb.first = &handler{f: f, next: b.first}\n"
                     "}\n",
            .fixed = "func (b *bus) subscribe(f func(Event)) (cancel func()) {\n"
                     "\th := &handler{f: f, next: b.first}\n"
                     "\tb.first = h\n"
                     "\treturn func() { b.remove(h) }\n"
                     "}\n",
            .grades =
                {
                    [GRADE_LIKELY] = "between two looks more came, of those that were there none "
                                     "went, and the pace is that of the whole life",
                },
            .check = "`seep inspect --heap` shows the way from the holder to the objects, type by "
                     "type.",
            .unknown = "What its bound is, as with a map.",
            .in_processes = true,
        },
    [RULE_TIMERS] =
        {
            .summary = "tickers and timers are made and never stopped",
            .meaning =
                "A ticker goes off until it is stopped. Up to Go 1.22 the runtime holds it "
                "with its "
                "channel for as long, also when nobody else does: each costs some hundred "
                "bytes and "
                "a wake-up per period. time.Tick makes one that nobody can stop. A timer "
                "stays until it goes off: of time.After in a loop there are as many as it is "
                "called in that time.",
            .leaky = "func (s *server) serve(conn *Conn) {\n"
                     "\tticker := time.NewTicker(time.Second) // never stopped\n"
                     "\tfor {\n"
                     "\t\tselect {\n"
                     "\t\tcase <-ticker.C:\n"
                     "\t\t\tconn.Ping()\n"
                     "\t\tcase <-conn.Done():\n"
                     "\t\t\treturn\n"
                     "\t\t}\n"
                     "\t}\n"
                     "}\n",
            .fixed = "func (s *server) serve(conn *Conn) {\n"
                     "\tticker := time.NewTicker(time.Second)\n"
                     "\tdefer ticker.Stop()\n"
                     "\tfor {\n"
                     "\t\tselect {\n"
                     "\t\tcase <-ticker.C:\n"
                     "\t\t\tconn.Ping()\n"
                     "\t\tcase <-conn.Done():\n"
                     "\t\t\treturn\n"
                     "\t\t}\n"
                     "\t}\n"
                     "}\n",
            .grades =
                {
                    [GRADE_CERTAIN] = "only the runtime's timers lead to the tickers and to their "
                                      "channels: nobody can stop them or receive from them",
                    [GRADE_POSSIBLE] =
                        "the same of timers that go off once, a hundred or more: each "
                        "is freed when it goes off, so there may be no more of them "
                        "one day",
                },
            .check = "Which functions call time.NewTicker or time.Tick, and do they stop it on "
                     "every way out? Is time.After called in a loop? Since Go 1.23 the collector "
                     "frees tickers and timers that nobody has.",
            .unknown = "Who made them: Go does not note it.",
            .in_processes = true,
        },
    [RULE_FAN_OUT_SEND] =
        {
            .summary = "a goroutine per turn or request waits to send on a channel of others",
            .meaning =
                "A goroutine is started for each turn of a loop or for each request, and sends on "
                "a channel that comes from elsewhere. The send waits until somebody receives. If "
                "the receiver is slow the goroutines pile up, and if it has ended they stay for "
                "ever, each with its stack and the value that it sends.",
            .leaky = "func (h *hub) publish(event Event) {\n"
                     "\tfor _, subscriber := range h.subscribers {\n"
                     "\t\tgo func(subscriber chan<- Event) {\n"
                     "\t\t\tsubscriber <- event // waits, however long\n"
                     "\t\t}(subscriber)\n"
                     "\t}\n"
                     "}\n",
            .fixed = "func (h *hub) publish(ctx context.Context, event Event) {\n"
                     "\tfor _, subscriber := range h.subscribers {\n"
                     "\t\tgo func(subscriber chan<- Event) {\n"
                     "\t\t\tselect {\n"
                     "\t\t\tcase subscriber <- event:\n"
                     "\t\t\tcase <-ctx.Done():\n"
                     "\t\t\t}\n"
                     "\t\t}(subscriber)\n"
                     "\t}\n"
                     "}\n",
            .grades =
                {
                    [GRADE_POSSIBLE] = "who receives is out of sight: the channel comes from "
                                       "elsewhere",
                },
            .check =
                "Find who receives from the channel. Does it receive as long as anybody sends, "
                "also when it ends early with an error? In a running program, `seep inspect` "
                "shows how many goroutines wait at this line, and whether any gets on.",
            .unknown = "Who receives, and for how long: the channel comes from elsewhere. A "
                       "receiver that lives as long as the program and keeps up makes this fine.",
            .in_code = true,
        },
    [RULE_EARLY_RETURN] =
        {
            .summary = "a function can return before it receives what its goroutine sends",
            .meaning =
                "A function makes an unbuffered channel and starts a goroutine that sends on it. "
                "On one of its ways, mostly that of an error, it returns before it receives. Then "
                "nobody else has the channel, and the goroutine waits for ever.",
            .leaky = "func fetch(ctx context.Context, id int) (string, error) {\n"
                     "\tresult := make(chan string)\n"
                     "\tgo func() {\n"
                     "\t\tresult <- load(id)\n"
                     "\t}()\n"
                     "\tif err := authorize(ctx); err != nil {\n"
                     "\t\treturn \"\", err // nobody receives any more\n"
                     "\t}\n"
                     "\treturn <-result, nil\n"
                     "}\n",
            .fixed = "func fetch(ctx context.Context, id int) (string, error) {\n"
                     "\tresult := make(chan string, 1) // the send never waits\n"
                     "\tgo func() {\n"
                     "\t\tresult <- load(id)\n"
                     "\t}()\n"
                     "\tif err := authorize(ctx); err != nil {\n"
                     "\t\treturn \"\", err\n"
                     "\t}\n"
                     "\treturn <-result, nil\n"
                     "}\n",
            .grades =
                {
                    [GRADE_LIKELY] = "the code has the whole shape; how often that way is taken "
                                     "it does not tell",
                },
            .check = "Follow each return between the go statement and the receive. In a running "
                     "program, `seep inspect` shows goroutines that wait to send at this line.",
            .unknown = "How often that way is taken: for an error that never comes, nothing leaks.",
            .in_code = true,
        },
    [RULE_DOUBLE_SEND] =
        {
            .summary = "a goroutine can send twice where only one value is received",
            .meaning =
                "On one way a goroutine sends two values on a channel that has no room for both, "
                "mostly because a return is missing behind the first, and its starter receives "
                "one. The second send waits for ever.",
            .leaky = "func connect(address string) error {\n"
                     "\tdone := make(chan error)\n"
                     "\tgo func() {\n"
                     "\t\tif err := dial(address); err != nil {\n"
                     "\t\t\tdone <- err\n"
                     "\t\t}\n"
                     "\t\tdone <- nil // also after the error\n"
                     "\t}()\n"
                     "\treturn <-done\n"
                     "}\n",
            .fixed = "func connect(address string) error {\n"
                     "\tdone := make(chan error)\n"
                     "\tgo func() {\n"
                     "\t\tif err := dial(address); err != nil {\n"
                     "\t\t\tdone <- err\n"
                     "\t\t\treturn\n"
                     "\t\t}\n"
                     "\t\tdone <- nil\n"
                     "\t}()\n"
                     "\treturn <-done\n"
                     "}\n",
            .grades =
                {
                    [GRADE_LIKELY] = "the code has the whole shape; how often that way is taken "
                                     "it does not tell",
                },
            .check = "Is a return missing between the two sends? Count the values that the starter "
                     "receives. In a running program, `seep inspect` shows goroutines that wait at "
                     "the second send.",
            .unknown = "How often that way is taken, and whether the two conditions can hold at "
                       "once.",
            .in_code = true,
        },
    [RULE_ABANDONED_SENDER] =
        {
            .summary = "a select that gives up leaves behind the goroutine that is to send",
            .meaning =
                "A function starts a goroutine that sends a result on an unbuffered channel, and "
                "waits in a select for that or for something else: a timeout, the end of a "
                "context. If the other comes first the function returns, nobody receives any more, "
                "and the goroutine waits for ever as soon as its result is there.",
            .leaky = "func lookUp(name string) (string, error) {\n"
                     "\tfound := make(chan string)\n"
                     "\tgo func() {\n"
                     "\t\tfound <- ask(name)\n"
                     "\t}()\n"
                     "\tselect {\n"
                     "\tcase entry := <-found:\n"
                     "\t\treturn entry, nil\n"
                     "\tcase <-time.After(time.Second):\n"
                     "\t\treturn \"\", errTimeout // the goroutine stays\n"
                     "\t}\n"
                     "}\n",
            .fixed = "func lookUp(name string) (string, error) {\n"
                     "\tfound := make(chan string, 1) // the send never waits\n"
                     "\tgo func() {\n"
                     "\t\tfound <- ask(name)\n"
                     "\t}()\n"
                     "\tselect {\n"
                     "\tcase entry := <-found:\n"
                     "\t\treturn entry, nil\n"
                     "\tcase <-time.After(time.Second):\n"
                     "\t\treturn \"\", errTimeout\n"
                     "\t}\n"
                     "}\n",
            .grades =
                {
                    [GRADE_LIKELY] = "the code has the whole shape; how often that way is taken "
                                     "it does not tell",
                },
            .check = "How much room has the channel? One value is enough. In a running program, "
                     "`seep inspect` shows goroutines that wait to send at this line.",
            .unknown = "How often the other case comes first. A service whose backend hangs finds "
                       "out.",
            .in_code = true,
        },
    [RULE_RANGE_NEVER_CLOSED] =
        {
            .summary = "a goroutine ranges over a channel that nobody closes",
            .meaning =
                "`for value := range channel` ends when the channel is closed, and not before. The "
                "channel is made where the goroutine is started and goes nowhere else, and none of "
                "those who have it closes it: once the last value is received the goroutine waits "
                "for ever.",
            .leaky = "func process(orders []Order) {\n"
                     "\tqueue := make(chan Order)\n"
                     "\tgo func() {\n"
                     "\t\tfor order := range queue {\n"
                     "\t\t\thandle(order)\n"
                     "\t\t}\n"
                     "\t}()\n"
                     "\tfor _, order := range orders {\n"
                     "\t\tqueue <- order\n"
                     "\t}\n"
                     "}\n",
            .fixed = "func process(orders []Order) {\n"
                     "\tqueue := make(chan Order)\n"
                     "\tdefer close(queue) // ends the loop\n"
                     "\tgo func() {\n"
                     "\t\tfor order := range queue {\n"
                     "\t\t\thandle(order)\n"
                     "\t\t}\n"
                     "\t}()\n"
                     "\tfor _, order := range orders {\n"
                     "\t\tqueue <- order\n"
                     "\t}\n"
                     "}\n",
            .grades =
                {
                    [GRADE_LIKELY] = "the code has the whole shape; how often that way is taken "
                                     "it does not tell",
                },
            .check = "Search for close of this channel, also in deferred calls. In a running "
                     "program, `seep inspect` shows goroutines that wait to receive at this line.",
            .unknown = "How often the function is called. Once per program is no leak, but a "
                       "worker that lives as long as the program.",
            .in_code = true,
        },
    [RULE_LOST_CANCEL] =
        {
            .summary = "the function that cancels a context is thrown away",
            .meaning =
                "context.WithCancel and its kin return a function that ends the new context. "
                "Nobody keeps it, so the context lasts until its parent ends. Until then the "
                "parent refers to it, and each goroutine that waits for its Done stays.",
            .leaky = "func watch(parent context.Context, path string) {\n"
                     "\tctx, _ := context.WithCancel(parent)\n"
                     "\tgo follow(ctx, path) // ends with parent only\n"
                     "}\n",
            .fixed = "func watch(parent context.Context, path string) (stop func()) {\n"
                     "\tctx, cancel := context.WithCancel(parent)\n"
                     "\tgo follow(ctx, path)\n"
                     "\treturn cancel // whoever watches says when it is enough\n"
                     "}\n",
            .grades =
                {
                    [GRADE_LIKELY] = "the parent is context.Background() or TODO(), which never "
                                     "ends",
                    [GRADE_POSSIBLE] = "the parent may end, and ends the context with it",
                },
            .check = "What becomes of the second result? `go vet` looks for the same in the "
                     "source, if you have it. In a running program, `seep inspect` shows "
                     "goroutines that wait for Done.",
            .unknown = "How long the parent lives. If it is the context of one request, this is "
                       "small and ends soon.",
            .in_code = true,
        },
    [RULE_WAITGROUP_STUCK] =
        {
            .summary = "a WaitGroup is added to more often than Done is called",
            .meaning =
                "Wait returns when each Add was answered by a Done. There is a way through a "
                "goroutine on which it ends without Done, or Add counts more than are started: "
                "then whoever waits does so for ever.",
            .leaky = "func process(items []Item) {\n"
                     "\tvar group sync.WaitGroup\n"
                     "\tfor _, item := range items {\n"
                     "\t\tgroup.Add(1)\n"
                     "\t\tgo func(item Item) {\n"
                     "\t\t\tif item.Empty() {\n"
                     "\t\t\t\treturn // without Done\n"
                     "\t\t\t}\n"
                     "\t\t\thandle(item)\n"
                     "\t\t\tgroup.Done()\n"
                     "\t\t}(item)\n"
                     "\t}\n"
                     "\tgroup.Wait()\n"
                     "}\n",
            .fixed = "func process(items []Item) {\n"
                     "\tvar group sync.WaitGroup\n"
                     "\tfor _, item := range items {\n"
                     "\t\tgroup.Add(1)\n"
                     "\t\tgo func(item Item) {\n"
                     "\t\t\tdefer group.Done() // on every way\n"
                     "\t\t\tif item.Empty() {\n"
                     "\t\t\t\treturn\n"
                     "\t\t\t}\n"
                     "\t\t\thandle(item)\n"
                     "\t\t}(item)\n"
                     "\t}\n"
                     "\tgroup.Wait()\n"
                     "}\n",
            .grades =
                {
                    [GRADE_LIKELY] = "the code has the whole shape; how often that way is taken "
                                     "it does not tell",
                },
            .check = "Follow each return of the goroutine: is Done behind it? A deferred Done is "
                     "safe, also in a panic. In a running program, `seep inspect` shows who waits.",
            .unknown = "How often that way is taken, and what is done with a WaitGroup that is "
                       "handed on.",
            .in_code = true,
        },
    [RULE_TIMER_LOOP] =
        {
            .summary = "a goroutine that is started again and again loops on a timer, without a "
                       "way out",
            .meaning =
                "A goroutine is started for each request, connection or turn of a loop, and works "
                "on a timer: sleep, work, sleep. Nothing ends it, so it outlives what it was "
                "started for. They become more, each with its stack, its timer, and the time that "
                "it takes.",
            .leaky = "func (s *server) serve(conn *Conn) {\n"
                     "\tgo func() {\n"
                     "\t\tfor {\n"
                     "\t\t\ttime.Sleep(time.Minute)\n"
                     "\t\t\tconn.Ping() // also when conn is long closed\n"
                     "\t\t}\n"
                     "\t}()\n"
                     "\ts.answer(conn)\n"
                     "}\n",
            .fixed = "func (s *server) serve(conn *Conn) {\n"
                     "\tdone := make(chan struct{})\n"
                     "\tdefer close(done)\n"
                     "\tgo func() {\n"
                     "\t\tticker := time.NewTicker(time.Minute)\n"
                     "\t\tdefer ticker.Stop()\n"
                     "\t\tfor {\n"
                     "\t\t\tselect {\n"
                     "\t\t\tcase <-ticker.C:\n"
                     "\t\t\t\tconn.Ping()\n"
                     "\t\t\tcase <-done:\n"
                     "\t\t\t\treturn\n"
                     "\t\t\t}\n"
                     "\t\t}\n"
                     "\t}()\n"
                     "\ts.answer(conn)\n"
                     "}\n",
            .grades =
                {
                    [GRADE_LIKELY] = "one is started for each request, or in a loop that others "
                                     "keep going",
                    [GRADE_POSSIBLE] = "a loop that ends by itself starts them: as many as it "
                                       "has turns",
                },
            .check = "How often is the goroutine started? Once per program is a background job, "
                     "not a leak. In a running program, count those that sleep at this line: "
                     "`seep inspect -v`.",
            .unknown = "How often the function that starts it is called.",
            .in_code = true,
        },
};

const struct rule_text *rule_text(enum rule rule)
{
    return &texts[rule < RULE_COUNT ? rule : 0];
}
