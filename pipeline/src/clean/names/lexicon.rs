//! Defines what Chinese names are made of and stand beside: surnames, words that precede names, characters that follow.

/// Single-character surnames that are seldom a word where a name may stand.
const SURNAMES: &str = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏陶姜戚谢邹喻柏窦章苏潘葛奚范彭郎鲁韦昌苗凤\
    俞任袁柳酆鲍史唐费廉岑薛雷贺倪汤滕殷罗毕郝邬安乐傅皮卞齐康伍余元卜顾孟黄穆萧尹姚邵湛汪祁毛禹狄米贝臧伏戴谈宋茅庞熊纪舒屈项祝董梁\
    杜阮蓝闵席季麻强贾路娄江童颜郭梅盛林刁钟徐邱骆高夏蔡田樊胡凌霍虞万支柯昝管卢莫房裘缪宗丁宣邓郁单杭洪包诸左石崔吉钮龚程嵇邢滑裴陆\
    荣翁荀羊惠甄曲封芮羿储靳汲邴糜松井段富巫乌焦巴弓牧隗山谷车侯宓蓬郗班仰秋仲伊宫宁仇栾暴甘厉戎祖武符刘景詹束龙叶幸司韶郜黎蓟薄印宿\
    白怀蒲邰鄂索咸赖卓蔺屠蒙池乔阴胥苍闻莘党翟谭贡劳逄姬申扶堵冉宰郦雍璩桑桂濮牛寿扈燕冀郏浦农温庄晏柴瞿阎充慕茹习宦艾鱼容\
    古易慎戈廖庾居衡步耿满弘匡国文寇广禄阙东欧沃蔚夔隆巩聂晁勾敖融冷訾辛阚简饶沙养鞠须丰巢蒯荆红游竺盖益桓肖仝\
    岳亓帅缑亢况郈海琴牟佘佴伯赏墨哈谯笪爱阳佟福付闫冼仉仵佀芦邸苑苟朴覃候宝刀兰冶涂鹿郇泮侴揭展谌矫宛庹隽由牙敬岩\
    纳么普初英腾乜粟栗晋银藏淳禚禤麦尧訚";
/// Surnames that are a word of every sentence; a name with one needs an introduction.
const WORDS: &str = "连计籍迟户尚解通原查但边曾利那公师关越有欠空权相后全里员经奉随应库区零代名年商言于向时成方应和平明经常从同过水危门毋别都能对双阿";
/// Surnames of two characters.
const COMPOUND: [&str; 22] = [
    "欧阳", "上官", "司马", "诸葛", "东方", "皇甫", "尉迟", "公孙", "慕容", "令狐", "司徒", "夏侯", "端木", "宇文",
    "长孙", "闻人", "申屠", "轩辕", "拓跋", "呼延", "独孤", "南宫",
];

/// Words that a name follows, a longer one before one that it ends with.
pub const BEFORE: &str = "(?:附带民事诉讼)?(?:被告人|被害人|受害人|证人|上诉人|被上诉人|再审申请人|被申请人|申请执行人|被执行人|申请人|申诉人|自诉人|罪犯|\
    原告人?|被告|第三人|法定代表人|法定代理人|委托诉讼代理人|委托代理人|诉讼代理人|指定代理人|代理人|负责人|代表人|经营者|投资人|业主|合伙人|监护人|近亲属|\
    案外人|第三方|同案犯|同案人|同案被告人?|同伙|嫌疑人|行为人|死者|伤者|肇事者|乘坐人|乘客|驾驶员|驾驶人|司机|车主|村民|居民|邻居|同事|同学|朋友|女友|男友|对象|前妻|前夫|\
    妻子|丈夫|父亲|母亲|儿子|女儿|哥哥|弟弟|姐姐|妹妹|岳父|岳母|公公|婆婆|爷爷|奶奶|外公|外婆|叔叔|舅舅|姑姑|姨妈|侄子|侄女|外甥|女婿|儿媳|嫂子|姐夫|妹夫|\
    表哥|表弟|表姐|表妹|堂哥|堂弟|堂兄|大哥|二哥|之妻|之夫|之子|之女|之父|之母|其妻|其夫|其子|其女|其父|其母|其弟|其兄|其姐|其妹|他哥|他弟|她丈夫|\
    老板|经理|董事长|总经理|董事|监事|股东|会计|出纳|厂长|店长|校长|院长|所长|局长|镇长|乡长|县长|村长|主任|书记|组长|队长|工人|员工|职工|职员|业务员|\
    管理人员|工作人员|吸毒人员|购毒人员|民警|警察|医生|老师|买家|卖家|客户|债务人|债权人|出借人|借款人|担保人|保证人|发包人|承包人|承租人|出租人|中间人|介绍人|\
    户主|继承人|被继承人|涉案人员|涉案人|男子|女子|妇女|青年|群众|店主|房东|租客|雇主|雇员|雇工|保安|保姆|收货人|发货人|签收人|收款人|付款人|持卡人|卖淫女|嫖客|绰号|化名|又名|曾用名|别名|名叫|名为)";

/// Characters that may stand before a name in a sentence.
pub const LEFT: &str =
    "与和及跟同向由被对村给让叫将把找从至因经是系为以在到等后即受替帮请要随約约且但而如若凭据按除故查其他她你我此该";
/// Characters that may follow a name, and seldom are its last.
pub const RIGHT: &str = "的等与和及在于向将把被对系是因以到说称持用给共也均则又再已曾从为打签借欠自未不没受提上去来进跟找让要叫就即拿后处所交犯供归亦经对驾驶支付系以应予应先仍还只均各可能会该此其名家同并或按当当由而至则所见欲想明知看听问答因";

/// The length in bytes of the surname at the start of `text`; `sure` asks for one that is no common word.
pub fn surname(text: &str, sure: bool) -> Option<usize> {
    if let Some(compound) = COMPOUND.iter().find(|name| text.starts_with(**name)) {
        return Some(compound.len());
    }
    let first = text.chars().next()?;
    (SURNAMES.contains(first) || !sure && WORDS.contains(first)).then(|| first.len_utf8())
}

/// Whether a surname is also a word of every sentence.
pub fn is_word(c: char) -> bool {
    WORDS.contains(c)
}
