"""Statements that try to write, to read what is none of a reader's business, or to reach beyond the tables."""

__all__ = ["ATTACKS", "REACHING", "UNINTERRUPTED"]

# FILE stands for a file of the host that exists, OUT for one that must not come to exist.
ATTACKS = r"""
select file('FILE')
select FILE('FILE')
select "file"('FILE')
select `fi\x6ce`('FILE')
select 1 in (file('FILE'))
with file('FILE') as x select x
select arrayMap(x -> file(x), ['FILE'])
select arrayMap(file, ['FILE'])
select * apply file from (select 'FILE' as x)
select * apply(x -> file(x)) from (select 'FILE' as x)
select columns('.*') apply(file) from (select 'FILE' as x)
select arrayMap({f:Identifier}, ['FILE'])
select '%(f)s'
select 1; select file('FILE')
/* a */ select file('FILE') -- b
explain select * from file('FILE', 'LineAsString')
describe file('FILE', 'LineAsString')
select * from view(select * from file('FILE', 'LineAsString'))
select * from journeys_at(at = (select toDateTime64(length(file('FILE')), 6)))
select * from `fil\x65`('FILE', 'LineAsString')
select * from filesystem('/etc')
select * from sqlite('FILE', 't')
select * from executable('cat FILE', 'LineAsString', 'a String')
select * from python('import os')
select * from Python(reader)
select * from eval('select 1')
select * from url('http://127.0.0.1:1/', 'CSV', 'a String')
select 1 in url('http://127.0.0.1:1/', 'CSV', 'a String')
select * from `u\x72l`('http://127.0.0.1:1/', 'CSV', 'a String')
select * from s3('https://b.s3.amazonaws.com/a.csv', 'CSV', 'a String')
select * from icebergLocal('/etc')
select * from remote('127.0.0.1', journey.models)
select * from cluster('default', journey.models)
select * from mysql('127.0.0.1:1', 'a', 'b', 'c', 'd')
select * from jdbc('a', 'b', 'c')
select * from merge('system', '.*')
select * from loop(write_keys)
select * from mergeTreeIndex(journey, write_keys)
select aiGenerate('a', 'b')
select catboostEvaluate('FILE', 1)
select 1 into outfile 'OUT'
select 1 into outfile 'OUT' truncate format CSV
explain select 1 into outfile 'OUT'
describe table models into outfile 'OUT'
show tables into outfile 'OUT'
select 'x' as `a\nb` into outfile 'OUT'
select 1 as `x\n Identifier` into outfile 'OUT'
insert into function file('OUT', 'CSV', 'a Int8') values (1)
insert into targets (brand) values ('x')
insert into targets select * from targets
explain insert into targets select * from targets
create table t (a Int8) engine = Memory
create temporary table t (a Int8)
create view v as select 1
create function f as x -> file(x)
create user u
create dictionary d (a Int8) primary key a source(file(path 'FILE' format 'CSV')) layout(flat())
attach table x from '/etc' (a Int8) engine = Memory
alter table targets delete where 1
delete from targets where 1
truncate table targets
drop table targets
drop database journey
rename table targets to t
exchange tables targets and models
optimize table targets
grant select on *.* to default
backup table targets to File('OUT')
restore table targets from File('OUT')
kill query where 1
system stop merges
system shutdown
set readonly = 0
set max_execution_time = 0
use system
select 1 settings readonly = 0
select 1 settings max_memory_usage = 0
select * from (select 1 settings max_execution_time = 0)
select 1 parallel with drop table targets
begin transaction
show processlist
select * from system.processes
select * from `system`.`processes`
select 1 in (system.stack_trace)
select * from system.users
select * from system.remote_data_paths
select * from write_keys
select * from journey.`write_keys`
select '' in write_keys
select '' in (journey.write_keys)
select joinGet('journey.write_keys', 'name', '')
show create table write_keys
describe table write_keys
select * from erasing
select * from erased_handles
select * from default.t
""".strip().splitlines()

# What the engine runs to its end, whatever the limit of time: it looks at that between two blocks, and each of these
# is in one of them for minutes.
UNINTERRUPTED = {
    "like": "SELECT repeat('a', 1000000) LIKE repeat('%a', 50000)",
    "ilike": "SELECT materialize(repeat('a', 1000000)) ILIKE repeat('%a', 50000)",
    "not like": "SELECT count() FROM numbers(100) WHERE materialize(repeat('a', 1000000)) NOT LIKE repeat('%a', 50000)",
    "match": "SELECT match(materialize(repeat('a', 1000000)), concat(repeat('a.*', 20000), 'b'))",
    "countMatches": "SELECT countMatches(repeat('a', 1000000), 'a*b|a')",
    "splitByRegexp": "SELECT length(splitByRegexp('a*b|a', repeat('a', 1000000)))",
    "position": "SELECT position(repeat('a', 1000000), concat(repeat('a', 500000), 'b'))",
    "positionCaseInsensitiveUTF8": (
        "SELECT positionCaseInsensitiveUTF8(materialize(repeat('a', 1000000)), concat(repeat('a', 500000), 'b'))"
    ),
    "hasAny": "SELECT hasAny(range(900000), arrayMap(x -> x + 1000000, range(900000)))",
    "has in a lambda": "SELECT arrayCount(x -> has(range(1000000), x + 10000000), range(1000000))",
}
# Those that reach beyond the engine: PORT stands for a port of this machine. Names and literals hide some from whoever
# searches the text.
REACHING = r"""
select file('FILE')
select arrayMap(file, ['FILE'])
select arrayMap(file, ['/proc/self/environ'])
select 1 as `a'`, arrayMap(file, ['FILE']) as `b'`
select 1 as "a'", arrayMap(file, ['FILE']) as "b'"
select 1 as `a\`'`, file('FILE') as `b'`
with file('FILE') as `it's` select `it's`
with (x -> file(x)) as f select f('FILE')
select * apply file from (select 'FILE' as `x'`)
select * apply(x -> file(x)) from (select 'FILE' as x)
select $a$'$a$, file('FILE'), $b$'$b$
select ‘’’, file('FILE'), ‘’’
select /* ' */ file('FILE') /* ' */
select * from file('FILE', 'LineAsString') as `t'`
select * from file('FILE', 'RawBLOB')
select * from default.`FILE`
select 1 in (select length(line) from file('FILE', 'LineAsString'))
select * from view(select * from file('FILE', 'LineAsString'))
describe table file('FILE', 'LineAsString')
select count() from filesystem('/etc')
select * from sqlite('FILE', 't')
select * from executable('cat FILE', 'LineAsString', 'a String')
select 'x' as `a'` into outfile 'OUT' truncate format RawBLOB
select 'x' as "a'" into outfile 'OUT' append
select 'x' into outfile 'OUT' and stdout
select 'x' into/**/outfile $a$OUT$a$
explain select 'x' as `a'` into outfile 'OUT'
explain ast select 'x' into outfile 'OUT'
describe table (select 1) into outfile 'OUT'
show tables into outfile 'OUT'
exists table targets into outfile 'OUT'
show create table targets into outfile 'OUT'
select 1; select 'x' into outfile 'OUT'
insert into function file('OUT', 'CSV', 'a Int8') values (1)
create table f engine = File(CSV, 'OUT') as select 1
backup table targets to File('OUT')
select * from url('http://127.0.0.1:PORT/', 'CSV', 'a String')
select 1 in (select a from url('http://127.0.0.1:PORT/', 'CSV', 'a String'))
select * from s3('http://127.0.0.1:PORT/bucket/a.csv', 'CSV', 'a String')
select * from remote('127.0.0.1:PORT', system.one)
select * from mysql('127.0.0.1:PORT', 'a', 'b', 'c', 'd')
select * from postgresql('127.0.0.1:PORT', 'a', 'b', 'c', 'd')
select * from mongodb('127.0.0.1:PORT', 'a', 'b', 'c', 'd', 'a String')
select * from redis('127.0.0.1:PORT', 'a', 'a String')
select hasColumnInTable('127.0.0.1:PORT', 'system', 'one', 'dummy')
select * from deltaLakeLocal('/etc')
select * from icebergLocal('/etc')
""".strip().splitlines()
