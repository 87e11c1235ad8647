module example.com/seep-oracle-forms

go 1.19
