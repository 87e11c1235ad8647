module example.com/seep-tests

go 1.18
