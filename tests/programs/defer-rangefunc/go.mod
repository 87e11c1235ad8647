module example.com/seep-tests-rangefunc

go 1.23
