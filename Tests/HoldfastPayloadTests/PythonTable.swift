/// What Python's `json` makes of random documents: document, path and value, apart by `|`.
///
/// `~` stands for a line break. A number is `n` and its value in hexadecimal, a text `t` and its
/// bytes. The documents came from a seeded generator over a few keys, texts and numbers, `value`,
/// and each line from
///
///     def load(text): return json.loads(text.replace("~", "\n"), object_pairs_hook=first,
///       parse_int=float, parse_constant=refuse)
///     def rows(v, path):
///       yield path, shown(v)
///       if isinstance(v, dict):
///         for k in v: yield from rows(v[k], path + ("." if path else "") + quoted(k))
///         yield path + ("." if path else "") + '"none"', "missing"
///       if isinstance(v, list):
///         for i, e in enumerate(v): yield from rows(e, path + f"[{i}]")
///         yield path + f"[{len(v)}]", "missing"
///     for path, what in rows(load(text := value(0)), ""): print(text, path, what, sep="|")
///
/// where `first` keeps the first of equal keys, `shown` writes half a surrogate pair as U+FFFD and
/// a number by `float.hex`, and `refuse` raises, as `NaN` and `Infinity` are no JSON.
let pythonFields = #"""
  [  -0,"b"~,false]|[0]|n-0x0.0p+0
  [  -0,"b"~,false]||composite
  [  -0,"b"~,false]|[1]|t62
  [  -0,"b"~,false]|[2]|false
  {  ~"\ud83d\ude00" :  [1E+2]}||composite
  {  ~"\ud83d\ude00" :  [1E+2]}|"😀"[0]|n0x1.9000000000000p+6
  {  ~"\ud83d\ude00" :  [1E+2]}|"none"|missing
  {  ~"\ud83d\ude00" :  [1E+2]}|"😀"|composite
  {"a/b" :0.000001 ,~"ENERGY"~:{~} }|"ENERGY"|composite
  {"a/b" :0.000001 ,~"ENERGY"~:{~} }||composite
  {"a/b" :0.000001 ,~"ENERGY"~:{~} }|"a/b"|n0x1.0c6f7a0b5ed8dp-20
  {"a/b" :0.000001 ,~"ENERGY"~:{~} }|"ENERGY"."none"|missing
  [{  "ENERGY":true }~]|[0]|composite
  [{  "ENERGY":true }~]|[0]."ENERGY"|true
  [{  "ENERGY":true }~]|[1]|missing
  [{  "ENERGY":true }~]||composite
  [null ,  {}  ,~false ]|[2]|false
  [null ,  {}  ,~false ]||composite
  [null ,  {}  ,~false ]|[3]|missing
  [null ,  {}  ,~false ]|[1]|composite
  {   "": "\udc00x"}|"none"|missing
  {   "": "\udc00x"}|""|tefbfbd78
  {   "": "\udc00x"}||composite
  {"ENERGY":~"a"  }|"ENERGY"|t61
  {"ENERGY":~"a"  }|"none"|missing
  {"ENERGY":~"a"  }||composite
  [  null ,[    { "[0]": null } ]]|[1][0]."none"|missing
  [  null ,[    { "[0]": null } ]]|[2]|missing
  [  null ,[    { "[0]": null } ]]|[0]|null
  [  null ,[    { "[0]": null } ]]|[1][0]|composite
  {~"q\"":~null ,"t:1":  [ "\ud83dz"~]~}|"none"|missing
  {~"q\"":~null ,"t:1":  [ "\ud83dz"~]~}||composite
  {~"q\"":~null ,"t:1":  [ "\ud83dz"~]~}|"t:1"[0]|tefbfbd7a
  {~"q\"":~null ,"t:1":  [ "\ud83dz"~]~}|"t:1"[1]|missing
  [  [[true  ,~[  ]  ,false]] ,1e5]|[0][1]|missing
  [  [[true  ,~[  ]  ,false]] ,1e5]|[0][0][0]|true
  [  [[true  ,~[  ]  ,false]] ,1e5]|[0][0][2]|false
  [  [[true  ,~[  ]  ,false]] ,1e5]|[0][0][1]|composite
  [false  ]|[1]|missing
  [false  ]|[0]|false
  [false  ]||composite
  [ [[1e5 ,  -0.0,[2e-3~]]~,true]  ,{  }  ]|[0][0][2]|composite
  [ [[1e5 ,  -0.0,[2e-3~]]~,true]  ,{  }  ]|[2]|missing
  [ [[1e5 ,  -0.0,[2e-3~]]~,true]  ,{  }  ]|[0]|composite
  [ [[1e5 ,  -0.0,[2e-3~]]~,true]  ,{  }  ]|[0][0][2][0]|n0x1.0624dd2f1a9fcp-9
  [[~ false],~[~ {  "q\"" :  null,""  :~true}]]|[0][1]|missing
  [[~ false],~[~ {  "q\"" :  null,""  :~true}]]|[1]|composite
  [[~ false],~[~ {  "q\"" :  null,""  :~true}]]|[0]|composite
  [[~ false],~[~ {  "q\"" :  null,""  :~true}]]|[0][0]|false
  [ [  true ]]|[0][1]|missing
  [ [  true ]]|[0]|composite
  [ [  true ]]|[1]|missing
  [ [  true ]]|[0][0]|true
  [ 1E+2,  1e400~]||composite
  [ 1E+2,  1e400~]|[1]|ninf
  [ 1E+2,  1e400~]|[2]|missing
  [ 1E+2,  1e400~]|[0]|n0x1.9000000000000p+6
  { "x.y"  : true~}||composite
  { "x.y"  : true~}|"x.y"|true
  { "x.y"  : true~}|"none"|missing
  [ ~4.9e-324~,{  "q\"":false} ]|[2]|missing
  [ ~4.9e-324~,{  "q\"":false} ]|[1]."none"|missing
  [ ~4.9e-324~,{  "q\"":false} ]|[1]."q\""|false
  [ ~4.9e-324~,{  "q\"":false} ]|[1]|composite
  [~null~,  2.2250738585072011e-308  ]|[2]|missing
  [~null~,  2.2250738585072011e-308  ]|[0]|null
  [~null~,  2.2250738585072011e-308  ]||composite
  [~null~,  2.2250738585072011e-308  ]|[1]|n0x0.fffffffffffffp-1022
  {  "a" :-0.0}||composite
  {  "a" :-0.0}|"a"|n-0x0.0p+0
  {  "a" :-0.0}|"none"|missing
  [    "a/b"]|[1]|missing
  [    "a/b"]||composite
  [    "a/b"]|[0]|t612f62
  [  null  ,  [~],~null~]|[0]|null
  [  null  ,  [~],~null~]|[1][0]|missing
  [  null  ,  [~],~null~]|[1]|composite
  [  null  ,  [~],~null~]|[2]|null
  {~ "x.y"  :null~,"\u0061b" :~"\\"~,"a/b": {~"x.y":true~}}|"a/b"|composite
  {~ "x.y"  :null~,"\u0061b" :~"\\"~,"a/b": {~"x.y":true~}}||composite
  {~ "x.y"  :null~,"\u0061b" :~"\\"~,"a/b": {~"x.y":true~}}|"a/b"."none"|missing
  {~ "x.y"  :null~,"\u0061b" :~"\\"~,"a/b": {~"x.y":true~}}|"a/b"."x.y"|true
  {~"" :{~"a":true }}|"none"|missing
  {~"" :{~"a":true }}|""."none"|missing
  {~"" :{~"a":true }}||composite
  {~"" :{~"a":true }}|""."a"|true
  [[0]~,  {},0.000001  ]|[0]|composite
  [[0]~,  {},0.000001  ]|[0][1]|missing
  [[0]~,  {},0.000001  ]|[0][0]|n0x0.0p+0
  [[0]~,  {},0.000001  ]|[1]."none"|missing
  {"t:1": [ "é"  ] ,~"ENERGY" :null,"" :[ true~, null,""  ]}|"t:1"|composite
  {"t:1": [ "é"  ] ,~"ENERGY" :null,"" :[ true~, null,""  ]}|"t:1"[0]|tc3a9
  {"t:1": [ "é"  ] ,~"ENERGY" :null,"" :[ true~, null,""  ]}|""[3]|missing
  {"t:1": [ "é"  ] ,~"ENERGY" :null,"" :[ true~, null,""  ]}|""[0]|true
  {"é" :[~true~,"\u0061b"]~,  "[0]"  :null~}|"none"|missing
  {"é" :[~true~,"\u0061b"]~,  "[0]"  :null~}|"é"|composite
  {"é" :[~true~,"\u0061b"]~,  "[0]"  :null~}|"é"[2]|missing
  {"é" :[~true~,"\u0061b"]~,  "[0]"  :null~}|"é"[1]|t6162
  [   null  ]|[0]|null
  [   null  ]||composite
  [   null  ]|[1]|missing
  {~  "q\"":"\\"~}|"q\""|t5c
  {~  "q\"":"\\"~}||composite
  {~  "q\"":"\\"~}|"none"|missing
  {  "a"  : [~] ,"é": false ,~"a":~true  }||composite
  {  "a"  : [~] ,"é": false ,~"a":~true  }|"a"[0]|missing
  {  "a"  : [~] ,"é": false ,~"a":~true  }|"none"|missing
  {  "a"  : [~] ,"é": false ,~"a":~true  }|"é"|false
  [   -0~,null,~1e-400]||composite
  [   -0~,null,~1e-400]|[3]|missing
  [   -0~,null,~1e-400]|[1]|null
  [   -0~,null,~1e-400]|[0]|n-0x0.0p+0
  [   null]||composite
  [   null]|[0]|null
  [   null]|[1]|missing
  [~[  ], [~ false],false ]|[3]|missing
  [~[  ], [~ false],false ]|[2]|false
  [~[  ], [~ false],false ]|[0]|composite
  [~[  ], [~ false],false ]|[1][1]|missing
  [  [ {~"q\""  :null }~]~]|[0]|composite
  [  [ {~"q\""  :null }~]~]|[1]|missing
  [  [ {~"q\""  :null }~]~]||composite
  [  [ {~"q\""  :null }~]~]|[0][0]."none"|missing
  {"t:1"  :~true,"t:1":{"b"  :"[0]" , "t:1"  :null}  ,  "[0]" :[]}|"[0]"[0]|missing
  {"t:1"  :~true,"t:1":{"b"  :"[0]" , "t:1"  :null}  ,  "[0]" :[]}||composite
  {"t:1"  :~true,"t:1":{"b"  :"[0]" , "t:1"  :null}  ,  "[0]" :[]}|"[0]"|composite
  {"t:1"  :~true,"t:1":{"b"  :"[0]" , "t:1"  :null}  ,  "[0]" :[]}|"t:1"|true
  {~"x.y"~: {  "t:1"~:-0~,  "a":  "ENERGY" ,  "[0]" :  false}  }|"x.y"."t:1"|n-0x0.0p+0
  {~"x.y"~: {  "t:1"~:-0~,  "a":  "ENERGY" ,  "[0]" :  false}  }|"x.y"."none"|missing
  {~"x.y"~: {  "t:1"~:-0~,  "a":  "ENERGY" ,  "[0]" :  false}  }|"x.y"."a"|t454e45524759
  {~"x.y"~: {  "t:1"~:-0~,  "a":  "ENERGY" ,  "[0]" :  false}  }||composite
  {~"":true}|"none"|missing
  {~"":true}|""|true
  {~"":true}||composite
  [  true ,true  ]|[1]|true
  [  true ,true  ]||composite
  [  true ,true  ]|[0]|true
  [  true ,true  ]|[2]|missing
  {"q\"" :~[~"ENERGY"  ]  }|"q\""[0]|t454e45524759
  {"q\"" :~[~"ENERGY"  ]  }|"none"|missing
  {"q\"" :~[~"ENERGY"  ]  }||composite
  {"q\"" :~[~"ENERGY"  ]  }|"q\""|composite
  [ ~[null,true]]|[1]|missing
  [ ~[null,true]]|[0][2]|missing
  [ ~[null,true]]|[0]|composite
  [ ~[null,true]]||composite
  [   {"é":false~},"\ud83dz"  ]|[0]."é"|false
  [   {"é":false~},"\ud83dz"  ]||composite
  [   {"é":false~},"\ud83dz"  ]|[0]|composite
  [   {"é":false~},"\ud83dz"  ]|[2]|missing
  {""~:true }||composite
  {""~:true }|""|true
  {""~:true }|"none"|missing
  [ []  ,  1e-400,~[   false,[ { "":true}  ,~{}]  ,1E+2  ]]|[1]|n0x0.0p+0
  [ []  ,  1e-400,~[   false,[ { "":true}  ,~{}]  ,1E+2  ]]|[0][0]|missing
  [ []  ,  1e-400,~[   false,[ { "":true}  ,~{}]  ,1E+2  ]]||composite
  [ []  ,  1e-400,~[   false,[ { "":true}  ,~{}]  ,1E+2  ]]|[2][3]|missing
  [[]~,false,~[  ]  ]||composite
  [[]~,false,~[  ]  ]|[3]|missing
  [[]~,false,~[  ]  ]|[0][0]|missing
  [[]~,false,~[  ]  ]|[2][0]|missing
  [ "\u00e9\n"  ,null  ]|[0]|tc3a90a
  [ "\u00e9\n"  ,null  ]|[1]|null
  [ "\u00e9\n"  ,null  ]||composite
  [ "\u00e9\n"  ,null  ]|[2]|missing
  [ {}~,-1e999]|[0]."none"|missing
  [ {}~,-1e999]|[1]|n-inf
  [ {}~,-1e999]||composite
  [ {}~,-1e999]|[0]|composite
  [  false,false~]|[2]|missing
  [  false,false~]|[0]|false
  [  false,false~]||composite
  [  false,false~]|[1]|false
  {  "é": {  }  }|"é"."none"|missing
  {  "é": {  }  }||composite
  {  "é": {  }  }|"none"|missing
  {  "é": {  }  }|"é"|composite
  [{  "x.y"~:~{ "x.y":[  ],"b"~: true,  "[0]"  :  null} },"\u00e9\n"  ]|[0]."x.y"."x.y"[0]|missing
  [{  "x.y"~:~{ "x.y":[  ],"b"~: true,  "[0]"  :  null} },"\u00e9\n"  ]|[0]."x.y"|composite
  [{  "x.y"~:~{ "x.y":[  ],"b"~: true,  "[0]"  :  null} },"\u00e9\n"  ]||composite
  [{  "x.y"~:~{ "x.y":[  ],"b"~: true,  "[0]"  :  null} },"\u00e9\n"  ]|[1]|tc3a90a
  {  "":~false}|""|false
  {  "":~false}||composite
  {  "":~false}|"none"|missing
  [6.569897286864621e-24~,null ,null]|[0]|n0x1.fc5238f4def44p-78
  [6.569897286864621e-24~,null ,null]|[1]|null
  [6.569897286864621e-24~,null ,null]||composite
  [6.569897286864621e-24~,null ,null]|[2]|null
  [ [  "\u00e9\n",  {~"\u0061b" :1E+2~}],true ,true]|[2]|true
  [ [  "\u00e9\n",  {~"\u0061b" :1E+2~}],true ,true]|[3]|missing
  [ [  "\u00e9\n",  {~"\u0061b" :1E+2~}],true ,true]|[0]|composite
  [ [  "\u00e9\n",  {~"\u0061b" :1E+2~}],true ,true]|[0][0]|tc3a90a
  {~"a/b":~null}|"none"|missing
  {~"a/b":~null}||composite
  {~"a/b":~null}|"a/b"|null
  [~true,{  "é":false }, {}~]|[0]|true
  [~true,{  "é":false }, {}~]|[3]|missing
  [~true,{  "é":false }, {}~]|[2]|composite
  [~true,{  "é":false }, {}~]||composite
  {  "\ud83d\ude00"  : 9223372036854775808}|"none"|missing
  {  "\ud83d\ude00"  : 9223372036854775808}||composite
  {  "\ud83d\ude00"  : 9223372036854775808}|"😀"|n0x1.0000000000000p+63
  [~false ,  "x.y" ]|[2]|missing
  [~false ,  "x.y" ]|[1]|t782e79
  [~false ,  "x.y" ]|[0]|false
  [~false ,  "x.y" ]||composite
  [ true,false~]|[0]|true
  [ true,false~]|[1]|false
  [ true,false~]|[2]|missing
  [ true,false~]||composite
  [  [~  "\u0061b","[0]"]  ]|[0][2]|missing
  [  [~  "\u0061b","[0]"]  ]||composite
  [  [~  "\u0061b","[0]"]  ]|[1]|missing
  [  [~  "\u0061b","[0]"]  ]|[0]|composite
  {   "x.y":false, "q\""~:~{} ,"\u0061b"  :  false}|"q\""."none"|missing
  {   "x.y":false, "q\""~:~{} ,"\u0061b"  :  false}|"x.y"|false
  {   "x.y":false, "q\""~:~{} ,"\u0061b"  :  false}|"none"|missing
  {   "x.y":false, "q\""~:~{} ,"\u0061b"  :  false}||composite
  [ ~false  ,  -0~,{"":[ ]} ]|[1]|n-0x0.0p+0
  [ ~false  ,  -0~,{"":[ ]} ]|[2].""[0]|missing
  [ ~false  ,  -0~,{"":[ ]} ]|[2]."none"|missing
  [ ~false  ,  -0~,{"":[ ]} ]|[2]|composite
  [1e-400~]||composite
  [1e-400~]|[0]|n0x0.0p+0
  [1e-400~]|[1]|missing
  [~"\u00e9\n"]||composite
  [~"\u00e9\n"]|[0]|tc3a90a
  [~"\u00e9\n"]|[1]|missing
  [~[  [],null] ]|[1]|missing
  [~[  [],null] ]|[0][0]|composite
  [~[  [],null] ]|[0]|composite
  [~[  [],null] ]|[0][0][0]|missing
  {"q\"" :false , "x.y":~0.000001 ,"a" :~21.5}|"q\""|false
  {"q\"" :false , "x.y":~0.000001 ,"a" :~21.5}|"x.y"|n0x1.0c6f7a0b5ed8dp-20
  {"q\"" :false , "x.y":~0.000001 ,"a" :~21.5}|"a"|n0x1.5800000000000p+4
  {"q\"" :false , "x.y":~0.000001 ,"a" :~21.5}|"none"|missing
  { "a/b":  {  "[0]":~false ,"[0]":true,"" :false}  ,"a": false}|"a/b"."[0]"|false
  { "a/b":  {  "[0]":~false ,"[0]":true,"" :false}  ,"a": false}|"a"|false
  { "a/b":  {  "[0]":~false ,"[0]":true,"" :false}  ,"a": false}|"a/b"."none"|missing
  { "a/b":  {  "[0]":~false ,"[0]":true,"" :false}  ,"a": false}|"a/b".""|false
  [ 0~,{ "":~""~,"a":[]~, "\u0061b":~false} ]|[0]|n0x0.0p+0
  [ 0~,{ "":~""~,"a":[]~, "\u0061b":~false} ]||composite
  [ 0~,{ "":~""~,"a":[]~, "\u0061b":~false} ]|[1]|composite
  [ 0~,{ "":~""~,"a":[]~, "\u0061b":~false} ]|[1]."none"|missing
  {  "a/b"~:  [~ "日本"] ,"a/b":  "\u0000","q\"" :true}|"a/b"[1]|missing
  {  "a/b"~:  [~ "日本"] ,"a/b":  "\u0000","q\"" :true}|"a/b"[0]|te697a5e69cac
  {  "a/b"~:  [~ "日本"] ,"a/b":  "\u0000","q\"" :true}|"none"|missing
  {  "a/b"~:  [~ "日本"] ,"a/b":  "\u0000","q\"" :true}||composite
  [~  1e400  ,  {~"x.y":  null  }]|[1]."x.y"|null
  [~  1e400  ,  {~"x.y":  null  }]|[1]|composite
  [~  1e400  ,  {~"x.y":  null  }]|[1]."none"|missing
  [~  1e400  ,  {~"x.y":  null  }]||composite
  { ~"é":[    []]~}|"é"[0]|composite
  { ~"é":[    []]~}||composite
  { ~"é":[    []]~}|"none"|missing
  { ~"é":[    []]~}|"é"[0][0]|missing
  {   "\u0061b":false,"[0]"  :~-1e999 }|"[0]"|n-inf
  {   "\u0061b":false,"[0]"  :~-1e999 }|"ab"|false
  {   "\u0061b":false,"[0]"  :~-1e999 }|"none"|missing
  {   "\u0061b":false,"[0]"  :~-1e999 }||composite
  {~"q\"":~false~}|"none"|missing
  {~"q\"":~false~}|"q\""|false
  {~"q\"":~false~}||composite
  [    false]||composite
  [    false]|[1]|missing
  [    false]|[0]|false
  [  null  , "a", "t:1"]|[2]|t743a31
  [  null  , "a", "t:1"]|[0]|null
  [  null  , "a", "t:1"]|[1]|t61
  [  null  , "a", "t:1"]|[3]|missing
  {  "\u0061b":[[  [] , [-8.862950869945635e-19 ]~]  , null]~}|"ab"[0][1][1]|missing
  {  "\u0061b":[[  [] , [-8.862950869945635e-19 ]~]  , null]~}|"ab"[0]|composite
  {  "\u0061b":[[  [] , [-8.862950869945635e-19 ]~]  , null]~}|"ab"[2]|missing
  {  "\u0061b":[[  [] , [-8.862950869945635e-19 ]~]  , null]~}|"ab"|composite
  {   "t:1":  true}||composite
  {   "t:1":  true}|"none"|missing
  {   "t:1":  true}|"t:1"|true
  { "ENERGY":~[  null]}||composite
  { "ENERGY":~[  null]}|"ENERGY"[0]|null
  { "ENERGY":~[  null]}|"none"|missing
  { "ENERGY":~[  null]}|"ENERGY"|composite
  {  "é": "[0]","q\"":  true }|"q\""|true
  {  "é": "[0]","q\"":  true }|"none"|missing
  {  "é": "[0]","q\"":  true }||composite
  {  "é": "[0]","q\"":  true }|"é"|t5b305d
  [  682905446611147845739~]||composite
  [  682905446611147845739~]|[0]|n0x1.2829bc2c09a7ap+69
  [  682905446611147845739~]|[1]|missing
  [~ 123456789012345678901234567890 ]||composite
  [~ 123456789012345678901234567890 ]|[1]|missing
  [~ 123456789012345678901234567890 ]|[0]|n0x1.8ee90ff6c373ep+96
  {~"q\""~: true}|"q\""|true
  {~"q\""~: true}||composite
  {~"q\""~: true}|"none"|missing
  { "t:1":1E+2}||composite
  { "t:1":1E+2}|"none"|missing
  { "t:1":1E+2}|"t:1"|n0x1.9000000000000p+6
  [~true,~false,[ ]]|[1]|false
  [~true,~false,[ ]]|[2]|composite
  [~true,~false,[ ]]|[0]|true
  [~true,~false,[ ]]||composite
  { "[0]"  :  false , "[0]":~false}|"[0]"|false
  { "[0]"  :  false , "[0]":~false}||composite
  { "[0]"  :  false , "[0]":~false}|"none"|missing
  [  {}~, [[~  null~,[ ~"a","\u00e9\n"]  ]  ,null  ] ]||composite
  [  {}~, [[~  null~,[ ~"a","\u00e9\n"]  ]  ,null  ] ]|[1]|composite
  [  {}~, [[~  null~,[ ~"a","\u00e9\n"]  ]  ,null  ] ]|[1][0][1]|composite
  [  {}~, [[~  null~,[ ~"a","\u00e9\n"]  ]  ,null  ] ]|[1][1]|null
  [[~null,[  null~,"\u0000"  ],true ]]|[0][0]|null
  [[~null,[  null~,"\u0000"  ],true ]]||composite
  [[~null,[  null~,"\u0000"  ],true ]]|[1]|missing
  [[~null,[  null~,"\u0000"  ],true ]]|[0][1]|composite
  [{"a/b": 4.9e-324  ,  "b":"\\"} ,~true,2e-3  ]|[1]|true
  [{"a/b": 4.9e-324  ,  "b":"\\"} ,~true,2e-3  ]|[2]|n0x1.0624dd2f1a9fcp-9
  [{"a/b": 4.9e-324  ,  "b":"\\"} ,~true,2e-3  ]|[0]|composite
  [{"a/b": 4.9e-324  ,  "b":"\\"} ,~true,2e-3  ]|[3]|missing
  [    true~,true,null ]|[3]|missing
  [    true~,true,null ]|[0]|true
  [    true~,true,null ]|[2]|null
  [    true~,true,null ]||composite
  [~[   { "b": null}  , null~] ]|[0][2]|missing
  [~[   { "b": null}  , null~] ]|[0][0]|composite
  [~[   { "b": null}  , null~] ]|[0][0]."b"|null
  [~[   { "b": null}  , null~] ]|[1]|missing
  {"b":{}  , "t:1"  :[ true~]  ,  "\u0061b"~:false}|"b"|composite
  {"b":{}  , "t:1"  :[ true~]  ,  "\u0061b"~:false}|"t:1"[0]|true
  {"b":{}  , "t:1"  :[ true~]  ,  "\u0061b"~:false}|"ab"|false
  {"b":{}  , "t:1"  :[ true~]  ,  "\u0061b"~:false}|"t:1"[1]|missing
  [ ~true  ,false]|[2]|missing
  [ ~true  ,false]|[0]|true
  [ ~true  ,false]|[1]|false
  [ ~true  ,false]||composite
  {~ "ENERGY":[ ] }|"ENERGY"[0]|missing
  {~ "ENERGY":[ ] }|"ENERGY"|composite
  {~ "ENERGY":[ ] }||composite
  {~ "ENERGY":[ ] }|"none"|missing
  { ~"t:1":9223372036854775808 ,"[0]":true , "é": [  ]~}||composite
  { ~"t:1":9223372036854775808 ,"[0]":true , "é": [  ]~}|"[0]"|true
  { ~"t:1":9223372036854775808 ,"[0]":true , "é": [  ]~}|"none"|missing
  { ~"t:1":9223372036854775808 ,"[0]":true , "é": [  ]~}|"é"|composite
  {"a":false }|"a"|false
  {"a":false }||composite
  {"a":false }|"none"|missing
  { "é"~:[ "\udc00x"~]~}|"é"|composite
  { "é"~:[ "\udc00x"~]~}||composite
  { "é"~:[ "\udc00x"~]~}|"é"[0]|tefbfbd78
  { "é"~:[ "\udc00x"~]~}|"none"|missing
  [  [~[[] ,[  ] , {}],1.7976931348623159e308],false ,false]|[0][0][3]|missing
  [  [~[[] ,[  ] , {}],1.7976931348623159e308],false ,false]|[2]|false
  [  [~[[] ,[  ] , {}],1.7976931348623159e308],false ,false]|[0][2]|missing
  [  [~[[] ,[  ] , {}],1.7976931348623159e308],false ,false]|[1]|false
  [  { "":[  ~{~"ENERGY"  :null},"\ud83d\ude00",1e5]},~null]|[0].""[2]|n0x1.86a0000000000p+16
  [  { "":[  ~{~"ENERGY"  :null},"\ud83d\ude00",1e5]},~null]|[0].""[3]|missing
  [  { "":[  ~{~"ENERGY"  :null},"\ud83d\ude00",1e5]},~null]|[0].""[0]."none"|missing
  [  { "":[  ~{~"ENERGY"  :null},"\ud83d\ude00",1e5]},~null]|[2]|missing
  [~  "\u0000",null~]|[2]|missing
  [~  "\u0000",null~]|[0]|t00
  [~  "\u0000",null~]||composite
  [~  "\u0000",null~]|[1]|null
  {"b"~:{  }~,~"t:1"~:null~,"b":  [true  ,{ }]}|"b"."none"|missing
  {"b"~:{  }~,~"t:1"~:null~,"b":  [true  ,{ }]}||composite
  {"b"~:{  }~,~"t:1"~:null~,"b":  [true  ,{ }]}|"none"|missing
  {"b"~:{  }~,~"t:1"~:null~,"b":  [true  ,{ }]}|"b"|composite
  {~ "":null,~""~:~true  }||composite
  {~ "":null,~""~:~true  }|""|null
  {~ "":null,~""~:~true  }|"none"|missing
  {~"[0]"~: {}}|"[0]"."none"|missing
  {~"[0]"~: {}}|"[0]"|composite
  {~"[0]"~: {}}|"none"|missing
  {~"[0]"~: {}}||composite
  [   {  "a"  :  {~"é" :  []  } ,"b" :"日本"} ]|[1]|missing
  [   {  "a"  :  {~"é" :  []  } ,"b" :"日本"} ]|[0]."none"|missing
  [   {  "a"  :  {~"é" :  []  } ,"b" :"日本"} ]|[0]."a"."é"|composite
  [   {  "a"  :  {~"é" :  []  } ,"b" :"日本"} ]|[0]."b"|te697a5e69cac
  {~ "[0]": "21.5"  ,"x.y":false }|"[0]"|t32312e35
  {~ "[0]": "21.5"  ,"x.y":false }|"none"|missing
  {~ "[0]": "21.5"  ,"x.y":false }|"x.y"|false
  {~ "[0]": "21.5"  ,"x.y":false }||composite
  {~"t:1"~:{"é"  :~"\/\b\f\r\t"},"[0]":true~}|"none"|missing
  {~"t:1"~:{"é"  :~"\/\b\f\r\t"},"[0]":true~}|"t:1"|composite
  {~"t:1"~:{"é"  :~"\/\b\f\r\t"},"[0]":true~}|"[0]"|true
  {~"t:1"~:{"é"  :~"\/\b\f\r\t"},"[0]":true~}|"t:1"."none"|missing
  { "[0]":[ ~"x.y"]  ,"t:1":"on"  ,"\ud83d\ude00" : true}|"t:1"|t6f6e
  { "[0]":[ ~"x.y"]  ,"t:1":"on"  ,"\ud83d\ude00" : true}|"none"|missing
  { "[0]":[ ~"x.y"]  ,"t:1":"on"  ,"\ud83d\ude00" : true}|"😀"|true
  { "[0]":[ ~"x.y"]  ,"t:1":"on"  ,"\ud83d\ude00" : true}|"[0]"[0]|t782e79
  { ~"t:1"  :"on"}|"t:1"|t6f6e
  { ~"t:1"  :"on"}|"none"|missing
  { ~"t:1"  :"on"}||composite
  {   ""~:false}|""|false
  {   ""~:false}|"none"|missing
  {   ""~:false}||composite
  [~true  ]||composite
  [~true  ]|[0]|true
  [~true  ]|[1]|missing
  [~{"[0]":  true }  , null, null]|[0]."none"|missing
  [~{"[0]":  true }  , null, null]|[1]|null
  [~{"[0]":  true }  , null, null]|[0]."[0]"|true
  [~{"[0]":  true }  , null, null]||composite
  {~~"t:1" :1E+2~,"é"~:~{ },"":~123456789012345678901234567890}|"é"|composite
  {~~"t:1" :1E+2~,"é"~:~{ },"":~123456789012345678901234567890}|"none"|missing
  {~~"t:1" :1E+2~,"é"~:~{ },"":~123456789012345678901234567890}|""|n0x1.8ee90ff6c373ep+96
  {~~"t:1" :1E+2~,"é"~:~{ },"":~123456789012345678901234567890}|"é"."none"|missing
  [179769313486231580793e289,  null~]||composite
  [179769313486231580793e289,  null~]|[2]|missing
  [179769313486231580793e289,  null~]|[1]|null
  [179769313486231580793e289,  null~]|[0]|ninf
  {"q\"": [false,[  [~]  ,~{} ] ]~,"\ud83d\ude00":[]~}|"none"|missing
  {"q\"": [false,[  [~]  ,~{} ] ]~,"\ud83d\ude00":[]~}|"😀"[0]|missing
  {"q\"": [false,[  [~]  ,~{} ] ]~,"\ud83d\ude00":[]~}|"q\""|composite
  {"q\"": [false,[  [~]  ,~{} ] ]~,"\ud83d\ude00":[]~}|"😀"|composite
  """#

/// Documents of the same generator with a character taken out, put in or doubled, and whether
/// `load` takes them.
let pythonVerdicts = #"""
  [  -0,"}"~,false]|good
  n]ll|bad
  -1e99|good
  nul|bad
  "|bad
  [\/\b\f\r\t"|bad
  [1|bad
  fale|bad
  {~~"b":"a/b", "t:1": true}~|good
  "ENE|bad
  "\}\b\f\r\t"|bad
  "日本|bad
  {~"":21.5 }|good
  23456789012345678901234567890|good
  {~}}|bad
  nulll|bad
  "[本"|good
  {"\u0061b":  [~  "日本"] }|good
  { "":  null,"":1":false }|bad
  fase|bad
  {~~"x.y": null}x|bad
  [[  [],  {e"x.y":false }~,false ],-0 , [  ]]|bad
  true|good
  1|good
  nutl|bad
  1797693|good
  {~""   "[0]","a":0 ,  "é":~null }|bad
  { "[0]"|bad
  fale|bad
  [~ true~,~[  [~true]] ][|bad
  " 本"|good
  {"\0061b"~:[]}|bad
  {  } |good
  {~  "\[0061b":~false,"\ud83d\ude00" : false }|bad
  [ {~},  true |bad
  1|good
  tru|bad
  nul|bad
  [[  [ "\ud83dz"~]~,|bad
  [trux  ,~[  ]  ,false]|bad
  1e5e|bad
  n{ll|bad
  tru|bad
  28989.47271835x055|bad
  tue|bad
  "~1.5"|bad
  nulll|bad
  "/b"|good
  [    21.400000000000002,  false]0|bad
  [~ {~"[0]":[  ~null],"b":~true  ,  "t:1":  "\u0061b"~}  ]|good
  fase|bad
  tru|bad
  [[1e5 ,  -0.0,[2e-3~]]~,true]]|bad
  {"b" : "a/be ,~"a/b": false}|bad
  {  "q\"e :  null,""  :~true}|bad
  n ll|bad
  -rue|bad
  [ ][|bad
  fals|bad
  f0lse|bad
  " 1.5"|good
  nll|bad
  - ]|bad
  tue|bad
  [~ { "a/b":  [|bad
  nult|bad
  tru0|bad
  { "x.y": {~} , "ENERGY"  : fal|bad
  {~~"ENERGY"  :  "x.y"  ,"a" :900799254740993,"\u0061b":-0~}|good
  [~ [" , {}  , false  ]|bad
  "\u|bad
  tre|bad
  1797693134862|good
  trux|bad
  truee|bad
  {|bad
  nu|bad
  {  "b":0000001  ,"q\"":null,  "a" :  false}|bad
  {"q\"":  [1.797-931348623159e308, [null]] , "b":~9007199254740993}|bad
  [ false,  1.7976931|bad
  [n|bad
  null|good
  false|good
  \ }|bad
  [  ~1.7|bad
  .1|bad
  rue|bad
  [true]|good
  {~ "b"~:null}:|bad
  fals|bad
  4.9e-32|good
  tru|bad
  1e-4000|good
  { "é"  :true  |bad
  truet|bad
  truee|bad
  nul|bad
  nulll|bad
  nu|bad
  nul|bad
  [ fal"e]|bad
  trut|bad
  truer|bad
  { "t:1:  null }|bad
  {  "\u0061b":  true,"t:1":{"b"  :"[0]" , "t:1t  :null}  }|bad
  rue|bad
  tr,e|bad
  {   "t:1"  :~[]  ,"a"~:~-1e999}~|good
  "é|bad
  -1e999e|bad
  [ ~[null,tue]]|bad
  n\ll|bad
  {"a":[ [ "on"]] , "x.y":  [~~}|bad
  nul{|bad
  tue|bad
  { "a/b"  :[~],  "t:1":~null,"é"~:  -0.0  }.|bad
  [~~{ "x.y":{  },"t:1":{    "q\"":~{}  ,~"\ud83d\ude00"~:[  ] }}~|bad
  [~[~],  false]e|bad
  "\u0000|bad
  {   "a":true,~"t:1"  :[   { ~"a/b":[~"\u00e9\n"]~} ] }|good
  [~fal|bad
  "|bad
  tr{e|bad
  {  "x.y" : false,"b"  :  1e-400} |good
  fal|bad
  [  { "":null}  ,~{}]l|bad
  rue|bad
  tru|bad
  [0,~false,"q\""  |bad
  "on|bad
  {~|bad
  {   "[0]|bad
  {  ~"\ud83d\ude00" :~false,~"ENERGY":true}s|bad
  "[0]""|bad
  "\u00e9,n"|good
  0.1.|bad
  nu|bad
  2.225073.585072011e-308|bad
  true|good
  fale|bad
  tru|bad
  null|good
  [  }, true]|bad
  null|good
  {"q\"":nul}|bad
  rue|bad
  { ]|bad
   ]|bad
  [   [  true ,true]|bad
  {~"a/b":~nul}|bad
  """#
