module example.com/seep-oracle-sites

go 1.19
