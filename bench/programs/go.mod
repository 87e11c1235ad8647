module example.com/seep-bench

go 1.18
